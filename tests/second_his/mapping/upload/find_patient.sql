SELECT CAST(person_id AS text) AS central_key FROM person WHERE source_no = CAST(:yj_no AS text)
