-- All prescriptions of ours in the period, from the business table.
SELECT CAST(cfxh AS varchar(20)) AS central_key, trim(yjlsh) AS yj_no, CAST(brxh AS varchar(20)) AS patient_key,
       CAST(je AS varchar(20)) AS total,
       trim(ksdm) AS department_code,
       substr(kfrq, 1, 4) || '-' || substr(kfrq, 5, 2) || '-' || substr(kfrq, 7, 2)
           || ' ' || substr(kfrq, 9, 8) AS occurred_at,
       CASE coalesce(zt, '0') WHEN '0' THEN 'unpaid' WHEN '1' THEN 'paid' WHEN '2' THEN 'dispensed' WHEN '3' THEN 'refunded'
                                ELSE 'cancelled' END AS status
FROM cf_zb
WHERE yjbz = '1' AND kfrq >= CAST(:since_char16 AS char(16)) AND kfrq < CAST(:until_char16 AS char(16))
