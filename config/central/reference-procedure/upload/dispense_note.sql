-- Drugs handed over on paper, or taken back. The standby does not dispense: the note only tells the pharmacist what to
-- dispense here.
-- P_JK_SH takes our identity and refuses it twice; there is no new key.
-- step take
-- code 0 ok, 1 repeated, 5 busy, else key_table
-- returns code
CALL p_jk_sh(CAST(:yj_id AS varchar), 'dispense_note', NULL, NULL, NULL);

-- step note
-- expect 1 else prescription_changed
-- returns central_key
UPDATE cf_zb
SET hdczy = CAST(:checked_by AS varchar(10)),
    bz = right(coalesce(bz || ' / ', '')
               || CASE :kind WHEN 'return' THEN 'YJ已退药 ' ELSE 'YJ已发药待确认 ' END
               || CAST(:yj_no AS varchar(30)) || ' ' || coalesce(CAST(:handed_by AS varchar(10)), ''), 200)
WHERE cfxh = CAST(:prescription_key AS integer) AND coalesce(zt, '0') <> '9'
RETURNING cfxh AS central_key;
