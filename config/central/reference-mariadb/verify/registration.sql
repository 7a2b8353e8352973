-- All registrations of ours in the period, from the business table.
SELECT CAST(ghxh AS char(20)) AS central_key, trim(yjlsh) AS yj_no, CAST(brxh AS char(20)) AS patient_key,
       trim(ksdm) AS department_code, trim(czydm) AS operator_code,
       CASE WHEN zt = '9' THEN 'cancelled' WHEN zt = '2' THEN 'seen' ELSE 'waiting' END AS status
FROM gh_mx
WHERE yjbz = '1' AND ghrq >= :since_char16 AND ghrq < :until_char16
