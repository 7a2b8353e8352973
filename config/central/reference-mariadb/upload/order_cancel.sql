-- An order taken back before it was paid (撤销申请). One paid at the centre meanwhile goes to a person.
-- step there
-- expect 1 else order_changed
-- returns central_key
SELECT sqxh AS central_key FROM yj_sq
WHERE sqxh = CAST(:order_key AS signed) AND coalesce(zt, '0') <> '9' FOR UPDATE;

-- step cancel
-- expect 1 else order_already_paid
UPDATE yj_sq SET zt = '9',
       bz = right(concat(coalesce(concat(bz, ' / '), ''), 'YJ作废 ', :yj_no, ' ', left(coalesce(:reason, ''), 80)), 200)
WHERE sqxh = CAST(:order_key AS signed) AND coalesce(zt, '0') = '0';
