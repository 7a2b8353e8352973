-- step script
-- expect 1 else prescription_already_paid
-- returns central_key
UPDATE script SET state = 50, remark = coalesce(remark, '') || ' ' || CAST(:yj_no AS text)
WHERE script_id = CAST(:prescription_key AS integer) AND state = 10
RETURNING script_id AS central_key;
