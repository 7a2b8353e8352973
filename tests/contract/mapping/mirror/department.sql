SELECT code AS department_code, name, kind, location, active FROM dept WHERE code >= :from_code ORDER BY code
