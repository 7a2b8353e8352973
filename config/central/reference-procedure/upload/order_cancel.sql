-- An order taken back before it was paid (撤销申请). One paid at the centre meanwhile goes to a person.
-- P_JK_SH takes our identity and refuses it twice; there is no new key.
-- step take
-- code 0 ok, 1 repeated, 5 busy, else key_table
-- returns code
CALL p_jk_sh(CAST(:yj_id AS varchar), 'order_cancel', NULL, NULL, NULL);

-- step there
-- expect 1 else order_changed
-- returns central_key
SELECT sqxh AS central_key FROM yj_sq
WHERE sqxh = CAST(:order_key AS integer) AND coalesce(zt, '0') <> '9' FOR UPDATE;

-- step cancel
-- expect 1 else order_already_paid
UPDATE yj_sq SET zt = '9',
       bz = right(coalesce(bz || ' / ', '') || 'YJ作废 ' || CAST(:yj_no AS varchar(30)) || ' '
                  || left(coalesce(CAST(:reason AS varchar(200)), ''), 80), 200)
WHERE sqxh = CAST(:order_key AS integer) AND coalesce(zt, '0') = '0';
