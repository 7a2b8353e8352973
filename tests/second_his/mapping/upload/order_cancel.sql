-- step request
-- expect 1 else order_already_paid
-- returns central_key
UPDATE request SET state = 50, remark = coalesce(remark, '') || ' ' || CAST(:yj_no AS text)
WHERE request_id = CAST(:order_key AS integer) AND state = 10
RETURNING request_id AS central_key;
