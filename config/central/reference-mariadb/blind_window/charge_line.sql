-- What the centre charged for between the last mirror and now: one patient's same item on both sides is put before a person.
SELECT CAST(m.sfxh AS char(20)) AS charge_key, trim(m.xmdm) AS item_code, trim(m.xmmc) AS name, CAST(m.sl AS signed) AS quantity
FROM sf_mx m
JOIN sf_zb z ON z.sfxh = m.sfxh
WHERE z.sfrq >= :since_char16 AND z.sfrq < :until_char16 AND z.tfxh IS NULL AND coalesce(z.yjbz, '0') <> '1'
