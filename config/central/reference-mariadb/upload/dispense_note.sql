-- Drugs handed over on paper, or taken back. The standby does not dispense: the note only tells the pharmacist what to
-- dispense here.
-- step there
-- expect 1 else prescription_changed
-- returns central_key
SELECT cfxh AS central_key FROM cf_zb
WHERE cfxh = CAST(:prescription_key AS signed) AND coalesce(zt, '0') <> '9' FOR UPDATE;

-- step note
-- expect 1 else prescription_changed
UPDATE cf_zb
SET hdczy = :checked_by,
    bz = right(concat(coalesce(concat(bz, ' / '), ''),
                      CASE :kind WHEN 'return' THEN 'YJ已退药 ' ELSE 'YJ已发药待确认 ' END,
                      :yj_no, ' ', coalesce(:handed_by, '')), 200)
WHERE cfxh = CAST(:prescription_key AS signed);
