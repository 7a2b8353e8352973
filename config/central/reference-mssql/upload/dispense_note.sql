-- Drugs handed over on paper, or taken back. The standby does not dispense: the note only tells the pharmacist what to
-- dispense here.
-- step note
-- expect 1 else prescription_changed
-- returns central_key
UPDATE cf_zb
SET hdczy = CAST(:checked_by AS varchar(10)),
    bz = right(coalesce(bz + ' / ', '')
               + CASE CAST(:kind AS varchar(20)) WHEN 'return' THEN N'YJ已退药 ' ELSE N'YJ已发药待确认 ' END
               + CAST(:yj_no AS varchar(30)) + ' ' + coalesce(CAST(:handed_by AS varchar(10)), ''), 200)
OUTPUT inserted.cfxh AS central_key
WHERE cfxh = CAST(:prescription_key AS int) AND coalesce(zt, '0') <> '9';
