-- An order taken back before it was paid (撤销申请). One paid at the centre meanwhile goes to a person.
-- step there
-- expect 1 else order_changed
-- returns central_key
SELECT sqxh AS central_key FROM yj_sq
WHERE sqxh = CAST(:order_key AS integer) AND coalesce(zt, '0') <> '9';

-- step cancel
-- expect 1 else order_already_paid
UPDATE yj_sq SET zt = '9',
       bz = substr(coalesce(bz || ' / ', '') || 'YJ作废 ' || CAST(:yj_no AS varchar(30)) || ' '
                  || substr(coalesce(CAST(:reason AS varchar(200)), ''), 1, 80), -200)
WHERE sqxh = CAST(:order_key AS integer) AND coalesce(zt, '0') = '0';
