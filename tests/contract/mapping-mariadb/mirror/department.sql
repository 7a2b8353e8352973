SELECT code AS department_code, name, kind, location, active FROM dept
WHERE code >= :from_code
-- paged AND code > :after_department_code
ORDER BY code
-- paged LIMIT :page_rows
