SELECT CAST(visit_id AS text) AS central_key FROM visit WHERE source_no = CAST(:yj_no AS text)
