-- All prescriptions of ours in the period, from the business table.
SELECT CAST(cfxh AS varchar(20)) AS central_key, ltrim(rtrim(yjlsh)) AS yj_no, CAST(brxh AS varchar(20)) AS patient_key,
       je AS total,
       ltrim(rtrim(ksdm)) AS department_code,
       substring(kfrq, 1, 4) + '-' + substring(kfrq, 5, 2) + '-' + substring(kfrq, 7, 2)
           + ' ' + substring(kfrq, 9, 8) AS occurred_at,
       CASE coalesce(zt, '0') WHEN '0' THEN 'unpaid' WHEN '1' THEN 'paid' WHEN '2' THEN 'dispensed' WHEN '3' THEN 'refunded'
                                ELSE 'cancelled' END AS status
FROM cf_zb
WHERE yjbz = '1' AND kfrq >= CAST(:since_char16 AS char(16)) AND kfrq < CAST(:until_char16 AS char(16))
