-- Payments of all charges and refunds of ours in the period.
SELECT CAST(p.sfxh AS varchar(20)) AS charge_key,
       CASE trim(p.zffs) WHEN '1' THEN 'cash' WHEN '2' THEN 'bank_card' WHEN '3' THEN 'wechat' WHEN '4' THEN 'alipay'
                         WHEN '7' THEN 'rounding' WHEN '8' THEN 'arrears' ELSE 'other' END AS method,
       CAST(p.je AS varchar(20)) AS amount
FROM sf_zf p
JOIN sf_zb z ON z.sfxh = p.sfxh
WHERE z.yjbz = '1' AND z.sfrq >= CAST(:since_char16 AS char(16)) AND z.sfrq < CAST(:until_char16 AS char(16))
