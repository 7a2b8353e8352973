-- Staff with the right to prescribe.
SELECT ltrim(rtrim(rydm)) AS staff_code,
       ltrim(rtrim(ryxm)) AS name,
       nullif(ltrim(rtrim(zc)), '') AS title,
       nullif(ltrim(rtrim(ksdm)), '') AS department_code,
       nullif(ltrim(rtrim(ybysbm)), '') AS insurance_code,
       CASE WHEN cfq = '1' THEN 1 ELSE 0 END AS may_prescribe,
       CASE WHEN mzq = '1' THEN 1 ELSE 0 END AS may_prescribe_controlled,
       CASE WHEN coalesce(zfpb, 0) = 0 THEN 1 ELSE 0 END AS active
FROM gy_ry
