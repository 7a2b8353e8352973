-- step note
-- expect 1 else prescription_changed
-- returns central_key
UPDATE script SET remark = coalesce(remark, '') || ' ' || :kind || ' ' || CAST(:yj_no AS text)
WHERE script_id = CAST(:prescription_key AS integer) AND state <> 50
RETURNING script_id AS central_key;
