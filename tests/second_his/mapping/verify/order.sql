SELECT CAST(request_id AS text) AS central_key, source_no AS yj_no, CAST(person_id AS text) AS patient_key,
       CAST(fen / 100.0 AS text) AS total,
       CASE state WHEN 10 THEN 'unpaid' WHEN 20 THEN 'paid' WHEN 30 THEN 'executed' WHEN 40 THEN 'refunded' ELSE 'cancelled' END AS status
FROM request WHERE source = 'YJ' AND at >= CAST(strftime('%s', :since) AS integer) AND at < CAST(strftime('%s', :until) AS integer)
