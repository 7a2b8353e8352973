SELECT CAST(visit_id AS text) AS registration_key, CAST(person_id AS text) AS patient_no, CAST(dept_id AS text) AS department_code,
       CAST(employee_id AS text) AS staff_code, CAST(kind_id AS text) AS type_code, CAST(roster_id AS text) AS schedule_id,
       NULL AS session, CASE kind_id WHEN 2 THEN 'emergency' ELSE 'outpatient' END AS visit_kind, place AS queue_no,
       'V' || visit_id AS slip_no, datetime(at, 'unixepoch', '+8 hours') AS registered_at,
       CASE state WHEN 2 THEN 'seen' ELSE 'waiting' END AS status
FROM visit WHERE last_day >= CAST(:horizon_from_day AS integer) AND state IN (1, 2) AND source IS NULL
