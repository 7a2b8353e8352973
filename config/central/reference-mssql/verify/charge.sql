-- All charges of ours in the period, registration fees included; refunds are in refund.sql.
SELECT CAST(sfxh AS varchar(20)) AS central_key, ltrim(rtrim(yjlsh)) AS yj_no, CAST(brxh AS varchar(20)) AS patient_key,
       ltrim(rtrim(czydm)) AS operator_code, nullif(ltrim(rtrim(fphm)), '') AS receipt_no,
       substring(sfrq, 1, 4) + '-' + substring(sfrq, 5, 2) + '-' + substring(sfrq, 7, 2) + ' '
           + substring(sfrq, 9, 8) AS occurred_at,
       zje AS total,
       CASE coalesce(zt, '0') WHEN '1' THEN 'refunded' WHEN '2' THEN 'partly_refunded' ELSE 'charged' END AS status
FROM sf_zb
WHERE yjbz = '1' AND tfxh IS NULL AND sfrq >= CAST(:since_char16 AS char(16)) AND sfrq < CAST(:until_char16 AS char(16))
