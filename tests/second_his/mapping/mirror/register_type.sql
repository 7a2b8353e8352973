SELECT CAST(kind_id AS text) AS type_code, title AS name, CAST(fee_fen / 100.0 AS text) AS registration_fee,
       CAST(consult_fen / 100.0 AS text) AS consultation_fee, days AS validity_days, 1 - off AS active
FROM visit_kind
