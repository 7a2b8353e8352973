-- All orders of ours in the period, from the business table.
SELECT CAST(sqxh AS char(20)) AS central_key, trim(yjlsh) AS yj_no, CAST(brxh AS char(20)) AS patient_key,
       je AS total,
       trim(ksdm) AS department_code,
       concat(substr(sqrq, 1, 4), '-', substr(sqrq, 5, 2), '-', substr(sqrq, 7, 2), ' ', substr(sqrq, 9, 8)) AS occurred_at,
       CASE coalesce(zt, '0') WHEN '0' THEN 'unpaid' WHEN '1' THEN 'paid' WHEN '2' THEN 'executed' WHEN '3' THEN 'refunded'
                                ELSE 'cancelled' END AS status
FROM yj_sq
WHERE yjbz = '1' AND sqrq >= :since_char16 AND sqrq < :until_char16
