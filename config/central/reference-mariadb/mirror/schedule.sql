-- Schedules from today on; no or zero capacity means unlimited.
SELECT CAST(pbxh AS char(20)) AS schedule_id,
       concat(substr(pbrq, 1, 4), '-', substr(pbrq, 5, 2), '-', substr(pbrq, 7, 2)) AS date,
       CASE sjd WHEN '1' THEN 'am' WHEN '2' THEN 'pm' ELSE 'night' END AS session,
       trim(ksdm) AS department_code,
       nullif(trim(ysdm), '') AS staff_code,
       trim(lbdm) AS type_code,
       nullif(xhs, 0) AS capacity,
       coalesce(yghs, 0) AS used
FROM gh_pb
WHERE pbrq >= :now_at_char8 AND coalesce(tzbz, '0') = '0'
