-- All orders of ours in the period, from the business table.
SELECT CAST(sqxh AS varchar(20)) AS central_key, ltrim(rtrim(yjlsh)) AS yj_no, CAST(brxh AS varchar(20)) AS patient_key,
       je AS total,
       ltrim(rtrim(ksdm)) AS department_code,
       substring(sqrq, 1, 4) + '-' + substring(sqrq, 5, 2) + '-' + substring(sqrq, 7, 2)
           + ' ' + substring(sqrq, 9, 8) AS occurred_at,
       CASE coalesce(zt, '0') WHEN '0' THEN 'unpaid' WHEN '1' THEN 'paid' WHEN '2' THEN 'executed' WHEN '3' THEN 'refunded'
                                ELSE 'cancelled' END AS status
FROM yj_sq
WHERE yjbz = '1' AND sqrq >= CAST(:since_char16 AS char(16)) AND sqrq < CAST(:until_char16 AS char(16))
