-- Takings of ours by day, cashier and window (the three digits in our number), summed here: the second way to the same sums.
SELECT 'total' AS kind, substr(t.d, 1, 4) || '-' || substr(t.d, 5, 2) || '-' || substr(t.d, 7, 2) AS business_date,
       t.operator_code, t.workstation_no, t.code, round(sum(t.amount), 2) AS amount
FROM (SELECT substr(z.sfrq, 1, 8) AS d, trim(z.czydm) AS operator_code,
             substr(trim(z.yjlsh), 9, 3) AS workstation_no,
             'all' AS code,
             z.zje AS amount
      FROM sf_zb z
      WHERE z.yjbz = '1' AND z.sfrq >= CAST(:since_char16 AS char(16)) AND z.sfrq < CAST(:until_char16 AS char(16))) t
GROUP BY t.d, t.operator_code, t.workstation_no, t.code
UNION ALL
SELECT 'method' AS kind, substr(t.d, 1, 4) || '-' || substr(t.d, 5, 2) || '-' || substr(t.d, 7, 2) AS business_date,
       t.operator_code, t.workstation_no, t.code, round(sum(t.amount), 2) AS amount
FROM (SELECT substr(z.sfrq, 1, 8) AS d, trim(z.czydm) AS operator_code,
             substr(trim(z.yjlsh), 9, 3) AS workstation_no,
             CASE trim(p.zffs) WHEN '1' THEN 'cash' WHEN '2' THEN 'bank_card' WHEN '3' THEN 'wechat'
                  WHEN '4' THEN 'alipay' WHEN '7' THEN 'rounding' WHEN '8' THEN 'arrears' ELSE 'other' END AS code,
             p.je AS amount
      FROM sf_zf p JOIN sf_zb z ON z.sfxh = p.sfxh
      WHERE z.yjbz = '1' AND z.sfrq >= CAST(:since_char16 AS char(16)) AND z.sfrq < CAST(:until_char16 AS char(16))) t
GROUP BY t.d, t.operator_code, t.workstation_no, t.code
UNION ALL
SELECT 'category' AS kind, substr(t.d, 1, 4) || '-' || substr(t.d, 5, 2) || '-' || substr(t.d, 7, 2) AS business_date,
       t.operator_code, t.workstation_no, t.code, round(sum(t.amount), 2) AS amount
FROM (SELECT substr(z.sfrq, 1, 8) AS d, trim(z.czydm) AS operator_code,
             substr(trim(z.yjlsh), 9, 3) AS workstation_no,
             CASE trim(m.fylb)
               WHEN '02' THEN 'consultation' WHEN '03' THEN 'examination' WHEN '04' THEN 'laboratory'
               WHEN '05' THEN 'treatment' WHEN '07' THEN 'treatment' WHEN '1411' THEN 'treatment'
               WHEN '1412' THEN 'treatment' WHEN '06' THEN 'surgery' WHEN '1413' THEN 'surgery' WHEN '08' THEN 'material'
               WHEN '09' THEN 'western' WHEN '10' THEN 'herbal' WHEN '11' THEN 'patent' WHEN '12' THEN 'general'
               WHEN '13' THEN 'registration' ELSE 'other' END AS code,
             m.je AS amount
      FROM sf_mx m JOIN sf_zb z ON z.sfxh = m.sfxh
      WHERE z.yjbz = '1' AND z.sfrq >= CAST(:since_char16 AS char(16)) AND z.sfrq < CAST(:until_char16 AS char(16))) t
GROUP BY t.d, t.operator_code, t.workstation_no, t.code
