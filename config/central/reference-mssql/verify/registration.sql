-- All registrations of ours in the period, from the business table.
SELECT CAST(ghxh AS varchar(20)) AS central_key, ltrim(rtrim(yjlsh)) AS yj_no, CAST(brxh AS varchar(20)) AS patient_key,
       ltrim(rtrim(ksdm)) AS department_code, ltrim(rtrim(czydm)) AS operator_code,
       substring(ghrq, 1, 4) + '-' + substring(ghrq, 5, 2) + '-' + substring(ghrq, 7, 2)
           + ' ' + substring(ghrq, 9, 8) AS occurred_at,
       CASE WHEN zt = '9' THEN 'cancelled' WHEN zt = '2' THEN 'seen' ELSE 'waiting' END AS status
FROM gh_mx
WHERE yjbz = '1' AND ghrq >= CAST(:since_char16 AS char(16)) AND ghrq < CAST(:until_char16 AS char(16))
