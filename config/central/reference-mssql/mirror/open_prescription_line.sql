-- Lines of the prescriptions in open_prescription, under the same condition.
SELECT CAST(m.cfxh AS varchar(20)) AS prescription_key,
       m.xh AS line_no,
       CAST(m.ypxh AS varchar(20)) AS drug_code,
       ltrim(rtrim(m.ypmc)) AS name,
       nullif(ltrim(rtrim(m.gg)), '') AS spec,
       coalesce(nullif(ltrim(rtrim(m.dw)), ''), N'份') AS unit,
       m.dj AS unit_price,
       CAST(m.sl AS int) AS quantity,
       m.je AS amount,
       nullif(ltrim(rtrim(m.ycjl)), '') AS dose,
       nullif(ltrim(rtrim(m.jldw)), '') AS dose_unit,
       nullif(ltrim(rtrim(m.yf)), '') AS usage,
       nullif(ltrim(rtrim(m.pl)), '') AS frequency,
       m.ts AS days,
       nullif(ltrim(rtrim(m.bz)), '') AS note
FROM cf_mx m
JOIN cf_zb c ON c.cfxh = m.cfxh
WHERE c.kfrq >= CAST(:horizon_from_char16 AS char(16))
  AND coalesce(c.zt, '0') IN ('0', '1', '2')
  AND coalesce(c.yjbz, '0') <> '1'
  AND c.brxh IS NOT NULL
