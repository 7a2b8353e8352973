SELECT CAST(person_id AS text) AS patient_no, family_name || given_name AS name,
       CASE WHEN born > 0 THEN substr(born, 1, 4) || '-' || substr(born, 5, 2) || '-' || substr(born, 7, 2) END AS birth_date
FROM person WHERE person_id = CAST(:key AS integer)
