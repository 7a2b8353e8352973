SELECT CAST(request_id AS text) AS order_key, CAST(visit_id AS text) AS registration_key, CAST(person_id AS text) AS patient_no,
       CAST(dept_id AS text) AS department_code, CAST(employee_id AS text) AS staff_code,
       datetime(at, 'unixepoch', '+8 hours') AS written_at, CAST(fen / 100.0 AS text) AS total,
       CASE state WHEN 20 THEN 'paid' WHEN 30 THEN 'executed' ELSE 'unpaid' END AS status
FROM request
WHERE at >= CAST(strftime('%s', :horizon_from, '-8 hours') AS integer) AND state IN (10, 20, 30) AND source IS NULL
