-- step request
-- expect 1 else not_written
-- returns central_key
INSERT INTO request (visit_id, person_id, dept_id, employee_id, at, fen, state, source, source_no)
VALUES (CAST(:registration_key AS integer), CAST(:patient_key AS integer), CAST(:department_code AS integer),
        CAST(:staff_code AS integer), CAST(strftime('%s', :occurred_at) AS integer),
        CAST(round(CAST(:total AS numeric) * 100) AS integer), 10, 'YJ', CAST(:yj_no AS text))
RETURNING request_id AS central_key;

-- step item
-- each lines
-- expect 1 else not_written
INSERT INTO request_item (request_id, pos, service_id, title, times, fen_each, fen)
VALUES (CAST(:central_key AS integer), CAST(:line_no AS integer), CAST(substr(:item_code, 2) AS integer), CAST(:name AS text),
        CAST(:quantity AS integer), CAST(round(CAST(:unit_price AS numeric) * 100) AS integer),
        CAST(round(CAST(:amount AS numeric) * 100) AS integer));
