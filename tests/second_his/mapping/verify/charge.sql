SELECT CAST(bill_id AS text) AS central_key, source_no AS yj_no, CAST(person_id AS text) AS patient_key, login AS operator_code,
       number AS receipt_no, datetime(at, 'unixepoch', '+8 hours') AS occurred_at, CAST(fen / 100.0 AS text) AS total
FROM bill WHERE source = 'YJ' AND reverses IS NULL AND at >= CAST(strftime('%s', :since) AS integer) AND at < CAST(strftime('%s', :until) AS integer)
