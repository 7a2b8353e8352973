-- Schedules from today on; no or zero capacity means unlimited.
SELECT CAST(pbxh AS varchar(20)) AS schedule_id,
       substring(pbrq, 1, 4) + '-' + substring(pbrq, 5, 2) + '-' + substring(pbrq, 7, 2) AS [date],
       CASE sjd WHEN '1' THEN 'am' WHEN '2' THEN 'pm' ELSE 'night' END AS session,
       ltrim(rtrim(ksdm)) AS department_code,
       nullif(ltrim(rtrim(ysdm)), '') AS staff_code,
       ltrim(rtrim(lbdm)) AS type_code,
       nullif(xhs, 0) AS capacity,
       coalesce(yghs, 0) AS used
FROM gh_pb
WHERE pbrq >= CAST(:now_at_char8 AS char(8)) AND coalesce(tzbz, '0') = '0'
