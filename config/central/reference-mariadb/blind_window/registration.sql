-- What the centre registered between the last mirror and now.
SELECT CAST(ghxh AS char(20)) AS central_key,
       CAST(brxh AS char(20)) AS patient_no,
       trim(ksdm) AS department_code,
       nullif(trim(ysdm), '') AS staff_code,
       CAST(pbxh AS char(20)) AS schedule_id,
       jzxh AS queue_no,
       concat(substr(ghrq, 1, 4), '-', substr(ghrq, 5, 2), '-', substr(ghrq, 7, 2), ' ', substr(ghrq, 9, 8)) AS occurred_at,
       CASE WHEN zt = '9' THEN 'cancelled' WHEN zt = '2' THEN 'seen' ELSE 'waiting' END AS status
FROM gh_mx
WHERE ghrq >= :since_char16 AND ghrq < :until_char16 AND coalesce(yjbz, '0') <> '1'
