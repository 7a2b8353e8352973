SELECT 'patient' AS dataset, CAST(max(person_id) AS text) AS greatest_key FROM person
UNION ALL SELECT 'open_registration', CAST(max(visit_id) AS text) FROM visit
UNION ALL SELECT 'open_prescription', CAST(max(script_id) AS text) FROM script
UNION ALL SELECT 'open_order', CAST(max(request_id) AS text) FROM request
