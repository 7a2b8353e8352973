SELECT CAST(person_id AS text) AS central_key, family_name || given_name AS name,
       CASE gender WHEN 'male' THEN 'M' WHEN 'female' THEN 'F' ELSE 'U' END AS sex,
       CASE WHEN born > 0 THEN substr(born, 1, 4) || '-' || substr(born, 5, 2) || '-' || substr(born, 7, 2) END AS birth_date,
       paper_no AS id_no, mobile AS phone, datetime(made_at, 'unixepoch', '+8 hours') AS created_at
FROM person
WHERE made_at >= CAST(strftime('%s', :since) AS integer) AND made_at < CAST(strftime('%s', :until) AS integer) AND source IS NULL
