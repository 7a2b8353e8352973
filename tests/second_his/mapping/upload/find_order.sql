SELECT CAST(request_id AS text) AS central_key FROM request WHERE source_no = CAST(:yj_no AS text)
