-- Orders since the horizon that are neither void nor refunded nor our own.
SELECT CAST(s.sqxh AS varchar(20)) AS order_key,
       CAST(s.ghxh AS varchar(20)) AS registration_key,
       CAST(s.brxh AS varchar(20)) AS patient_no,
       nullif(ltrim(rtrim(s.ksdm)), '') AS department_code,
       nullif(ltrim(rtrim(s.ysdm)), '') AS staff_code,
       substring(s.sqrq, 1, 4) + '-' + substring(s.sqrq, 5, 2) + '-' + substring(s.sqrq, 7, 2) + ' '
           + substring(s.sqrq, 9, 8) AS written_at,
       s.je AS total,
       CASE coalesce(s.zt, '0') WHEN '1' THEN 'paid' WHEN '2' THEN 'executed' ELSE 'unpaid' END AS status
FROM yj_sq s
WHERE s.sqrq >= CAST(:horizon_from_char16 AS char(16))
  AND coalesce(s.zt, '0') IN ('0', '1', '2')
  AND coalesce(s.yjbz, '0') <> '1'
  AND s.brxh IS NOT NULL
