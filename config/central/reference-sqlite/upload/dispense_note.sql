-- Drugs handed over on paper, or taken back. The standby does not dispense: the note only tells the pharmacist what to
-- dispense here.
-- step note
-- expect 1 else prescription_changed
-- returns central_key
UPDATE cf_zb
SET hdczy = CAST(:checked_by AS varchar(10)),
    bz = substr(coalesce(bz || ' / ', '')
               || CASE :kind WHEN 'return' THEN 'YJ已退药 ' ELSE 'YJ已发药待确认 ' END
               || CAST(:yj_no AS varchar(30)) || ' ' || coalesce(CAST(:handed_by AS varchar(10)), ''), -200)
WHERE cfxh = CAST(:prescription_key AS integer) AND coalesce(zt, '0') <> '9'
RETURNING cfxh AS central_key;
