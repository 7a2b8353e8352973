-- What the centre charged for between the last mirror and now: one patient's same item on both sides is put before a person.
SELECT CAST(m.sfxh AS varchar(20)) AS charge_key, ltrim(rtrim(m.xmdm)) AS item_code, ltrim(rtrim(m.xmmc)) AS name, CAST(m.sl AS int) AS quantity
FROM sf_mx m
JOIN sf_zb z ON z.sfxh = m.sfxh
WHERE z.sfrq >= CAST(:since_char16 AS char(16)) AND z.sfrq < CAST(:until_char16 AS char(16)) AND z.tfxh IS NULL AND coalesce(z.yjbz, '0') <> '1'
