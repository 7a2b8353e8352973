-- step visit
-- expect 1 else registration_changed
-- returns central_key
UPDATE visit SET state = 5, remark = coalesce(remark, '') || ' ' || CAST(:yj_no AS text)
WHERE visit_id = CAST(:registration_key AS integer) AND state = 1
RETURNING visit_id AS central_key;
