-- What the centre registered between the last mirror and now.
SELECT CAST(ghxh AS varchar(20)) AS central_key,
       CAST(brxh AS varchar(20)) AS patient_no,
       ltrim(rtrim(ksdm)) AS department_code,
       nullif(ltrim(rtrim(ysdm)), '') AS staff_code,
       CAST(pbxh AS varchar(20)) AS schedule_id,
       jzxh AS queue_no,
       substring(ghrq, 1, 4) + '-' + substring(ghrq, 5, 2) + '-' + substring(ghrq, 7, 2) + ' '
           + substring(ghrq, 9, 8) AS occurred_at,
       CASE WHEN zt = '9' THEN 'cancelled' WHEN zt = '2' THEN 'seen' ELSE 'waiting' END AS status
FROM gh_mx
WHERE ghrq >= CAST(:since_char16 AS char(16)) AND ghrq < CAST(:until_char16 AS char(16)) AND coalesce(yjbz, '0') <> '1'
