SELECT CAST(bill_id AS text) AS central_key, CAST(person_id AS text) AS patient_no, CAST(visit_id AS text) AS registration_key,
       login AS operator_code, number AS receipt_no, datetime(at, 'unixepoch', '+8 hours') AS occurred_at,
       CAST(fen / 100.0 AS text) AS total, CAST(reverses AS text) AS refund_of, CASE source WHEN 'YJ' THEN 1 ELSE 0 END AS yj_mark
FROM bill WHERE at >= CAST(strftime('%s', :since) AS integer) AND at < CAST(strftime('%s', :until) AS integer)
