-- Lines of all charges and refunds of ours in the period.
SELECT CAST(m.sfxh AS varchar(20)) AS charge_key, trim(m.xmdm) AS item_code,
       CASE trim(m.fylb)
           WHEN '02' THEN 'consultation' WHEN '03' THEN 'examination' WHEN '04' THEN 'laboratory'
           WHEN '05' THEN 'treatment' WHEN '07' THEN 'treatment' WHEN '1411' THEN 'treatment' WHEN '1412' THEN 'treatment'
           WHEN '06' THEN 'surgery' WHEN '1413' THEN 'surgery' WHEN '08' THEN 'material' WHEN '09' THEN 'western'
           WHEN '10' THEN 'herbal' WHEN '11' THEN 'patent' WHEN '12' THEN 'general' WHEN '13' THEN 'registration'
           ELSE 'other' END AS receipt_category,
       CAST(m.sl AS integer) AS quantity, CAST(m.dj AS varchar(20)) AS unit_price, CAST(m.je AS varchar(20)) AS amount
FROM sf_mx m
JOIN sf_zb z ON z.sfxh = m.sfxh
WHERE z.yjbz = '1' AND z.sfrq >= CAST(:since_char16 AS char(16)) AND z.sfrq < CAST(:until_char16 AS char(16))
