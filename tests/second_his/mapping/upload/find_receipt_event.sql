SELECT CAST(max(rowid) AS text) AS central_key FROM spoilt_paper WHERE source_no = CAST(:yj_no AS text) GROUP BY source_no
