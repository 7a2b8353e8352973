-- A prescription taken back before it was paid (撤销处方). One paid at the centre meanwhile goes to a person.
-- P_JK_SH takes our identity and refuses it twice; there is no new key.
-- step take
-- code 0 ok, 1 repeated, 5 busy, else key_table
-- returns code
CALL p_jk_sh(CAST(:yj_id AS varchar), 'prescription_cancel', NULL, NULL, NULL);

-- step there
-- expect 1 else prescription_changed
-- returns central_key
SELECT cfxh AS central_key FROM cf_zb
WHERE cfxh = CAST(:prescription_key AS integer) AND coalesce(zt, '0') <> '9' FOR UPDATE;

-- step cancel
-- expect 1 else prescription_already_paid
UPDATE cf_zb SET zt = '9',
       bz = right(coalesce(bz || ' / ', '') || 'YJ作废 ' || CAST(:yj_no AS varchar(30)) || ' '
                  || left(coalesce(CAST(:reason AS varchar(200)), ''), 80), 200)
WHERE cfxh = CAST(:prescription_key AS integer) AND coalesce(zt, '0') = '0';
