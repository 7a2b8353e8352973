-- All charges of ours in the period, registration fees included; refunds are in refund.sql.
SELECT CAST(sfxh AS varchar(20)) AS central_key, trim(yjlsh) AS yj_no, CAST(brxh AS varchar(20)) AS patient_key,
       trim(czydm) AS operator_code, nullif(trim(fphm), '') AS receipt_no,
       substr(sfrq, 1, 4) || '-' || substr(sfrq, 5, 2) || '-' || substr(sfrq, 7, 2) || ' '
           || substr(sfrq, 9, 8) AS occurred_at,
       CAST(zje AS varchar(20)) AS total,
       CASE coalesce(zt, '0') WHEN '1' THEN 'refunded' WHEN '2' THEN 'partly_refunded' ELSE 'charged' END AS status
FROM sf_zb
WHERE yjbz = '1' AND tfxh IS NULL AND sfrq >= CAST(:since_char16 AS char(16)) AND sfrq < CAST(:until_char16 AS char(16))
