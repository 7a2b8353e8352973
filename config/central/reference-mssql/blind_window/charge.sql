-- What the centre charged and refunded between the last mirror and now; our own rows are marked, not left out.
SELECT CAST(sfxh AS varchar(20)) AS central_key,
       CAST(brxh AS varchar(20)) AS patient_no,
       CAST(ghxh AS varchar(20)) AS registration_key,
       ltrim(rtrim(czydm)) AS operator_code,
       nullif(ltrim(rtrim(fphm)), '') AS receipt_no,
       substring(sfrq, 1, 4) + '-' + substring(sfrq, 5, 2) + '-' + substring(sfrq, 7, 2) + ' '
           + substring(sfrq, 9, 8) AS occurred_at,
       zje AS total,
       CAST(tfxh AS varchar(20)) AS refund_of,
       CASE WHEN yjbz = '1' THEN 1 ELSE 0 END AS yj_mark
FROM sf_zb
WHERE sfrq >= CAST(:since_char16 AS char(16)) AND sfrq < CAST(:until_char16 AS char(16))
