SELECT CAST(script_id AS text) AS prescription_key, CAST(visit_id AS text) AS registration_key, CAST(person_id AS text) AS patient_no,
       CAST(dept_id AS text) AS department_code, CAST(employee_id AS text) AS staff_code,
       CASE class WHEN 2 THEN 'patent' WHEN 3 THEN 'herbal' ELSE 'western' END AS kind, diagnoses AS diagnosis_codes,
       '20' AS pharmacy_code, datetime(at, 'unixepoch', '+8 hours') AS written_at, CAST(fen / 100.0 AS text) AS total,
       CASE state WHEN 20 THEN 'paid' WHEN 30 THEN 'dispensed' ELSE 'unpaid' END AS status
FROM script
WHERE at >= CAST(strftime('%s', :horizon_from, '-8 hours') AS integer) AND state IN (10, 20, 30) AND source IS NULL
