-- Registrations valid today, neither cancelled nor our own; emergency ones also of the day before, because a night shift goes
-- over midnight.
SELECT CAST(g.ghxh AS varchar(20)) AS registration_key,
       CAST(g.brxh AS varchar(20)) AS patient_no,
       ltrim(rtrim(g.ksdm)) AS department_code,
       nullif(ltrim(rtrim(g.ysdm)), '') AS staff_code,
       nullif(ltrim(rtrim(g.ghlb)), '') AS type_code,
       CAST(g.pbxh AS varchar(20)) AS schedule_id,
       CASE g.sjd WHEN '1' THEN 'am' WHEN '2' THEN 'pm' WHEN '3' THEN 'night' END AS session,
       CASE WHEN g.jzbz = '1' THEN 'emergency' ELSE 'outpatient' END AS visit_kind,
       g.jzxh AS queue_no,
       nullif(ltrim(rtrim(g.lsh)), '') AS slip_no,
       substring(g.ghrq, 1, 4) + '-' + substring(g.ghrq, 5, 2) + '-' + substring(g.ghrq, 7, 2) + ' '
           + substring(g.ghrq, 9, 8) AS registered_at,
       CASE WHEN g.zt = '2' THEN 'seen' ELSE 'waiting' END AS status
FROM gh_mx g
WHERE g.yxrq >= CAST(:horizon_from_char8 AS char(8))
  AND (g.yxrq >= CAST(:now_at_char8 AS char(8)) OR g.jzbz = '1')
  AND coalesce(g.zt, '0') <> '9'
  AND coalesce(g.yjbz, '0') <> '1'
  AND g.brxh IS NOT NULL AND g.ksdm IS NOT NULL
