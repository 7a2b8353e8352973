SELECT CAST(person_id AS text) AS patient_no, family_name || given_name AS name,
       CASE gender WHEN 'male' THEN 'M' WHEN 'female' THEN 'F' ELSE 'U' END AS sex,
       CASE WHEN born > 0 THEN substr(born, 1, 4) || '-' || substr(born, 5, 2) || '-' || substr(born, 7, 2) END AS birth_date,
       paper_no AS id_no, 1 - archived AS active
FROM person
WHERE paper_no = CAST(:id_no AS text)
   OR (:id_no IS NULL AND family_name || given_name = CAST(:name AS text) AND born = CAST(replace(:birth_date, '-', '') AS integer))
