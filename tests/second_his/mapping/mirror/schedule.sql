SELECT CAST(roster_id AS text) AS schedule_id, substr(day, 1, 4) || '-' || substr(day, 5, 2) || '-' || substr(day, 7, 2) AS date,
       CASE part WHEN 1 THEN 'am' WHEN 2 THEN 'pm' ELSE 'night' END AS session, CAST(dept_id AS text) AS department_code,
       CAST(employee_id AS text) AS staff_code, CAST(kind_id AS text) AS type_code, places AS capacity, taken AS used
FROM roster WHERE day >= CAST(:now_at_day AS integer)
