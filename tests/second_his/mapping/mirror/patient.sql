SELECT CAST(n.person_id AS text) AS patient_no, n.family_name || n.given_name AS name,
       CASE n.gender WHEN 'male' THEN 'M' WHEN 'female' THEN 'F' ELSE 'U' END AS sex,
       CASE WHEN n.born > 0 THEN substr(n.born, 1, 4) || '-' || substr(n.born, 5, 2) || '-' || substr(n.born, 7, 2) END
           AS birth_date,
       NULL AS birth_time, k.code AS id_type, n.paper_no AS id_no, n.mobile AS phone, n.street AS address,
       n.parent_name AS guardian_name, n.parent_mobile AS guardian_phone, y.code AS insurance_type,
       n.payer_no AS insurance_no, NULL AS insurance_area, n.allergies AS allergy,
       1 - n.archived AS active, datetime(n.touched_at, 'unixepoch', '+8 hours') AS touched
FROM person n
LEFT JOIN c_paper k ON k.id = n.paper_id
LEFT JOIN c_payer y ON y.id = n.payer_id
-- changed WHERE n.touched_at >= CAST(strftime('%s', :changed_from, '-8 hours') AS integer)
