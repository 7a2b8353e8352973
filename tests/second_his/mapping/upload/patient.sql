-- step identity
-- when id_no present
-- when create_anyway absent
-- expect 1 else patient_exists
SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM person WHERE paper_no = CAST(:id_no AS text) AND archived = 0);

-- step person
-- expect 1 else not_written
-- returns central_key
-- The family name is the first character, two for the compound ones this house knows.
INSERT INTO person (family_name, given_name, gender, born, paper_id, paper_no, mobile, street, parent_name, parent_mobile,
                    payer_id, payer_no, allergies, made_at, touched_at, source, source_no)
VALUES (substr(:name, 1, CASE WHEN substr(:name, 1, 2) IN ('欧阳', '司马', '诸葛') THEN 2 ELSE 1 END),
        substr(:name, CASE WHEN substr(:name, 1, 2) IN ('欧阳', '司马', '诸葛') THEN 3 ELSE 2 END),
        CASE :sex WHEN 'M' THEN 'male' WHEN 'F' THEN 'female' END, CAST(:birth_date_day AS integer),
        (SELECT id FROM c_paper WHERE code = CAST(:id_type AS text)), CAST(:id_no AS text), CAST(:phone AS text),
        CAST(:address AS text), CAST(:guardian_name AS text), CAST(:guardian_phone AS text),
        (SELECT id FROM c_payer WHERE code = CAST(:insurance_type AS text)), CAST(:insurance_no AS text),
        CAST(:allergy AS text), CAST(strftime('%s', :occurred_at) AS integer), CAST(strftime('%s', :now_at) AS integer),
        'YJ', CAST(:yj_no AS text))
RETURNING person_id AS central_key;

-- step card
-- when card_no present
-- expect 1 else card_exists
INSERT INTO card (tag, kind_id, person_id) VALUES (CAST(:card_no AS text), 1, CAST(:central_key AS integer))
ON CONFLICT DO NOTHING;
