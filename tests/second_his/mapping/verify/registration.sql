SELECT CAST(visit_id AS text) AS central_key, source_no AS yj_no, CAST(person_id AS text) AS patient_key,
       CAST(dept_id AS text) AS department_code, login AS operator_code,
       CASE state WHEN 5 THEN 'cancelled' WHEN 2 THEN 'seen' ELSE 'waiting' END AS status
FROM visit WHERE source = 'YJ' AND at >= CAST(strftime('%s', :since) AS integer) AND at < CAST(strftime('%s', :until) AS integer)
