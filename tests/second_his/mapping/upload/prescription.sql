-- step drug
-- each lines
-- expect 1 else price_gone
SELECT 1 FROM drug WHERE drug_id = CAST(:drug_code AS integer) AND withdrawn_on IS NULL;

-- step script
-- expect 1 else not_written
-- returns central_key
INSERT INTO script (visit_id, person_id, class, diagnoses, dept_id, employee_id, at, fen, state, source, source_no)
VALUES (CAST(:registration_key AS integer), CAST(:patient_key AS integer),
        CASE :kind WHEN 'patent' THEN 2 WHEN 'herbal' THEN 3 ELSE 1 END, CAST(:diagnosis_codes AS text),
        CAST(:department_code AS integer), CAST(:staff_code AS integer), CAST(strftime('%s', :occurred_at) AS integer),
        CAST(round(CAST(:total AS numeric) * 100) AS integer), 10, 'YJ', CAST(:yj_no AS text))
RETURNING script_id AS central_key;

-- step item
-- each lines
-- expect 1 else not_written
INSERT INTO script_item (script_id, pos, drug_id, title, packs, fen_each, fen, dose, dose_unit, route_id, rhythm_id, days)
VALUES (CAST(:central_key AS integer), CAST(:line_no AS integer), CAST(:drug_code AS integer), CAST(:name AS text),
        CAST(:quantity AS integer), CAST(round(CAST(:unit_price AS numeric) * 100) AS integer),
        CAST(round(CAST(:amount AS numeric) * 100) AS integer), CAST(:dose AS text), CAST(:dose_unit AS text),
        (SELECT id FROM c_route WHERE code = CAST(:usage AS text)), (SELECT id FROM c_rhythm WHERE code = CAST(:frequency AS text)),
        CAST(:days AS integer));
