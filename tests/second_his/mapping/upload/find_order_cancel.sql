SELECT CAST(request_id AS text) AS central_key FROM request WHERE instr(remark, CAST(:yj_no AS text)) > 0
