-- Prescriptions since the horizon that are neither void nor refunded nor our own; state NULL or '0' is unpaid.
SELECT CAST(c.cfxh AS varchar(20)) AS prescription_key,
       CAST(c.ghxh AS varchar(20)) AS registration_key,
       CAST(c.brxh AS varchar(20)) AS patient_no,
       nullif(ltrim(rtrim(c.ksdm)), '') AS department_code,
       nullif(ltrim(rtrim(c.ysdm)), '') AS staff_code,
       CASE c.cflb WHEN '2' THEN 'patent' WHEN '3' THEN 'herbal' ELSE 'western' END AS kind,
       nullif(ltrim(rtrim(c.zddm)), '') AS diagnosis_codes,
       nullif(ltrim(rtrim(c.yfdm)), '') AS pharmacy_code,
       substring(c.kfrq, 1, 4) + '-' + substring(c.kfrq, 5, 2) + '-' + substring(c.kfrq, 7, 2) + ' '
           + substring(c.kfrq, 9, 8) AS written_at,
       c.je AS total,
       CASE coalesce(c.zt, '0') WHEN '1' THEN 'paid' WHEN '2' THEN 'dispensed' ELSE 'unpaid' END AS status
FROM cf_zb c
WHERE c.kfrq >= CAST(:horizon_from_char16 AS char(16))
  AND coalesce(c.zt, '0') IN ('0', '1', '2')
  AND coalesce(c.yjbz, '0') <> '1'
  AND c.brxh IS NOT NULL
