-- Lines of the orders in open_order, under the same condition.
SELECT CAST(m.sqxh AS char(20)) AS order_key,
       m.xh AS line_no,
       trim(m.xmdm) AS item_code,
       trim(m.xmmc) AS name,
       coalesce(nullif(trim(m.dw), ''), '次') AS unit,
       m.dj AS unit_price,
       CAST(m.sl AS signed) AS quantity,
       m.je AS amount,
       nullif(trim(m.zxks), '') AS exec_department_code,
       CASE trim(m.fylb)
           WHEN '02' THEN 'consultation' WHEN '03' THEN 'examination' WHEN '04' THEN 'laboratory'
           WHEN '05' THEN 'treatment' WHEN '07' THEN 'treatment' WHEN '1411' THEN 'treatment' WHEN '1412' THEN 'treatment'
           WHEN '06' THEN 'surgery' WHEN '1413' THEN 'surgery' WHEN '08' THEN 'material' WHEN '09' THEN 'western'
           WHEN '10' THEN 'herbal' WHEN '11' THEN 'patent' WHEN '12' THEN 'general' WHEN '13' THEN 'registration'
           ELSE 'other' END AS receipt_category
FROM yj_sqmx m
JOIN yj_sq s ON s.sqxh = m.sqxh
WHERE s.sqrq >= :horizon_from_char16
  AND coalesce(s.zt, '0') IN ('0', '1', '2')
  AND coalesce(s.yjbz, '0') <> '1'
  AND s.brxh IS NOT NULL
