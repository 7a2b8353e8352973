-- Orders since the horizon that are neither void nor refunded nor our own.
SELECT CAST(s.sqxh AS char(20)) AS order_key,
       CAST(s.ghxh AS char(20)) AS registration_key,
       CAST(s.brxh AS char(20)) AS patient_no,
       nullif(trim(s.ksdm), '') AS department_code,
       nullif(trim(s.ysdm), '') AS staff_code,
       concat(substr(s.sqrq, 1, 4), '-', substr(s.sqrq, 5, 2), '-', substr(s.sqrq, 7, 2), ' ', substr(s.sqrq, 9, 8)) AS written_at,
       s.je AS total,
       CASE coalesce(s.zt, '0') WHEN '1' THEN 'paid' WHEN '2' THEN 'executed' ELSE 'unpaid' END AS status
FROM yj_sq s
WHERE s.sqrq >= :horizon_from_char16
  AND coalesce(s.zt, '0') IN ('0', '1', '2')
  AND coalesce(s.yjbz, '0') <> '1'
  AND s.brxh IS NOT NULL
