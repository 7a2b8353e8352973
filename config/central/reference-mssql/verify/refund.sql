-- All refunds of ours in the period, registration fees included.
SELECT CAST(sfxh AS varchar(20)) AS central_key, ltrim(rtrim(yjlsh)) AS yj_no, CAST(tfxh AS varchar(20)) AS original_key,
       ltrim(rtrim(czydm)) AS operator_code, nullif(ltrim(rtrim(fphm)), '') AS receipt_no,
       substring(sfrq, 1, 4) + '-' + substring(sfrq, 5, 2) + '-' + substring(sfrq, 7, 2) + ' '
           + substring(sfrq, 9, 8) AS occurred_at,
       zje AS total
FROM sf_zb
WHERE yjbz = '1' AND tfxh IS NOT NULL AND sfrq >= CAST(:since_char16 AS char(16)) AND sfrq < CAST(:until_char16 AS char(16))
