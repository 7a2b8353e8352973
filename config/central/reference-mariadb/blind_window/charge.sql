-- What the centre charged and refunded between the last mirror and now; our own rows are marked, not left out.
SELECT CAST(sfxh AS char(20)) AS central_key,
       CAST(brxh AS char(20)) AS patient_no,
       CAST(ghxh AS char(20)) AS registration_key,
       trim(czydm) AS operator_code,
       nullif(trim(fphm), '') AS receipt_no,
       concat(substr(sfrq, 1, 4), '-', substr(sfrq, 5, 2), '-', substr(sfrq, 7, 2), ' ', substr(sfrq, 9, 8)) AS occurred_at,
       zje AS total,
       CAST(tfxh AS char(20)) AS refund_of,
       CASE WHEN yjbz = '1' THEN 1 ELSE 0 END AS yj_mark
FROM sf_zb
WHERE sfrq >= :since_char16 AND sfrq < :until_char16
