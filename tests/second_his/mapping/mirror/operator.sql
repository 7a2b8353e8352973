SELECT l.login AS operator_code, e.family_name || e.given_name AS name,
       (SELECT group_concat(CASE r.right_name WHEN 'frontdesk' THEN 'registrar' WHEN 'till' THEN 'cashier'
                                              WHEN 'physician' THEN 'doctor' WHEN 'dispensary' THEN 'pharmacist'
                                              WHEN 'chief' THEN 'supervisor' WHEN 'it' THEN 'admin' END)
        FROM login_right r WHERE r.login = l.login) AS roles,
       CAST(l.employee_id AS text) AS staff_code, CAST(e.dept_id AS text) AS department_code, l.secret AS password_hash,
       'sha256' AS password_scheme, 1 - l.locked AS active
FROM login l JOIN employee e ON e.employee_id = l.employee_id
WHERE EXISTS (SELECT 1 FROM login_right r WHERE r.login = l.login)
