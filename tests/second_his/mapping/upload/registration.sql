-- step dept
-- expect 1 else department_gone
SELECT 1 FROM dept WHERE dept_id = CAST(:department_code AS integer) AND closed_on IS NULL;

-- step visit
-- expect 1 else not_written
-- returns central_key
INSERT INTO visit (person_id, dept_id, employee_id, kind_id, roster_id, at, place, state, last_day, login, source, source_no)
VALUES (CAST(:patient_key AS integer), CAST(:department_code AS integer), CAST(:staff_code AS integer), CAST(:type_code AS integer),
        CAST(:schedule_id AS integer), CAST(strftime('%s', :occurred_at) AS integer), CAST(:queue_no AS integer), 1,
        CAST(:business_date_day AS integer), CAST(:operator_code AS text), 'YJ', CAST(:yj_no AS text))
RETURNING visit_id AS central_key;

-- step roster
-- when schedule_id present
UPDATE roster SET taken = taken + 1 WHERE roster_id = CAST(:schedule_id AS integer);
