SELECT CAST(dept_id AS text) AS department_code, title AS name,
       CASE role WHEN 'clinic' THEN 'outpatient' WHEN 'emergency' THEN 'emergency' WHEN 'pharmacy' THEN 'pharmacy'
                 WHEN 'lab' THEN 'exam' ELSE 'other' END AS kind,
       floor || '楼' AS location, CASE WHEN closed_on IS NULL THEN 1 ELSE 0 END AS active
FROM dept
