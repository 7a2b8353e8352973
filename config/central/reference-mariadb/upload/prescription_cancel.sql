-- A prescription taken back before it was paid (撤销处方). One paid at the centre meanwhile goes to a person.
-- step there
-- expect 1 else prescription_changed
-- returns central_key
SELECT cfxh AS central_key FROM cf_zb
WHERE cfxh = CAST(:prescription_key AS signed) AND coalesce(zt, '0') <> '9' FOR UPDATE;

-- step cancel
-- expect 1 else prescription_already_paid
UPDATE cf_zb SET zt = '9',
       bz = right(concat(coalesce(concat(bz, ' / '), ''), 'YJ作废 ', :yj_no, ' ', left(coalesce(:reason, ''), 80)), 200)
WHERE cfxh = CAST(:prescription_key AS signed) AND coalesce(zt, '0') = '0';
