-- step visit
-- expect 1 else registration_changed
-- returns central_key
UPDATE visit SET dept_id = CAST(:department_code AS integer), employee_id = CAST(:staff_code AS integer),
                 remark = coalesce(remark, '') || ' ' || CAST(:yj_no AS text)
WHERE visit_id = CAST(:registration_key AS integer) AND state <> 5
RETURNING visit_id AS central_key;
