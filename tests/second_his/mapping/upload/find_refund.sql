SELECT CAST(bill_id AS text) AS central_key FROM bill WHERE source_no = CAST(:yj_no AS text) AND reverses IS NOT NULL
