SELECT CAST(script_id AS text) AS central_key FROM script WHERE instr(remark, CAST(:yj_no AS text)) > 0
