-- Lines of the prescriptions in open_prescription, under the same condition.
SELECT CAST(m.cfxh AS varchar(20)) AS prescription_key,
       m.xh AS line_no,
       CAST(m.ypxh AS varchar(20)) AS drug_code,
       trim(m.ypmc) AS name,
       nullif(trim(m.gg), '') AS spec,
       coalesce(nullif(trim(m.dw), ''), '份') AS unit,
       CAST(m.dj AS varchar(20)) AS unit_price,
       CAST(m.sl AS integer) AS quantity,
       CAST(m.je AS varchar(20)) AS amount,
       nullif(trim(m.ycjl), '') AS dose,
       nullif(trim(m.jldw), '') AS dose_unit,
       nullif(trim(m.yf), '') AS usage,
       nullif(trim(m.pl), '') AS frequency,
       m.ts AS days,
       nullif(trim(m.bz), '') AS note
FROM cf_mx m
JOIN cf_zb c ON c.cfxh = m.cfxh
WHERE c.kfrq >= CAST(:horizon_from_char16 AS char(16))
  AND coalesce(c.zt, '0') IN ('0', '1', '2')
  AND coalesce(c.yjbz, '0') <> '1'
  AND c.brxh IS NOT NULL
