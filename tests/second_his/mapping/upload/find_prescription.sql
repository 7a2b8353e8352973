SELECT CAST(script_id AS text) AS central_key FROM script WHERE source_no = CAST(:yj_no AS text)
