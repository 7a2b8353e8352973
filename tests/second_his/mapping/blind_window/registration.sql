SELECT CAST(visit_id AS text) AS central_key, CAST(person_id AS text) AS patient_no, CAST(dept_id AS text) AS department_code,
       CAST(employee_id AS text) AS staff_code, CAST(roster_id AS text) AS schedule_id, place AS queue_no,
       datetime(at, 'unixepoch', '+8 hours') AS occurred_at,
       CASE state WHEN 5 THEN 'cancelled' WHEN 2 THEN 'seen' ELSE 'waiting' END AS status
FROM visit WHERE at >= CAST(strftime('%s', :since) AS integer) AND at < CAST(strftime('%s', :until) AS integer) AND source IS NULL
