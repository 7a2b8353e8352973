-- All prescriptions of ours in the period, from the business table.
SELECT CAST(cfxh AS char(20)) AS central_key, trim(yjlsh) AS yj_no, CAST(brxh AS char(20)) AS patient_key,
       je AS total,
       trim(ksdm) AS department_code,
       concat(substr(kfrq, 1, 4), '-', substr(kfrq, 5, 2), '-', substr(kfrq, 7, 2), ' ', substr(kfrq, 9, 8)) AS occurred_at,
       CASE coalesce(zt, '0') WHEN '0' THEN 'unpaid' WHEN '1' THEN 'paid' WHEN '2' THEN 'dispensed' WHEN '3' THEN 'refunded'
                                ELSE 'cancelled' END AS status
FROM cf_zb
WHERE yjbz = '1' AND kfrq >= :since_char16 AND kfrq < :until_char16
