SELECT CAST(visit_id AS text) AS central_key FROM visit WHERE instr(remark, CAST(:yj_no AS text)) > 0
