-- Staff with the right to prescribe.
SELECT trim(rydm) AS staff_code,
       trim(ryxm) AS name,
       nullif(trim(zc), '') AS title,
       nullif(trim(ksdm), '') AS department_code,
       nullif(trim(ybysbm), '') AS insurance_code,
       CASE WHEN cfq = '1' THEN 1 ELSE 0 END AS may_prescribe,
       CASE WHEN mzq = '1' THEN 1 ELSE 0 END AS may_prescribe_controlled,
       CASE WHEN coalesce(zfpb, 0) = 0 THEN 1 ELSE 0 END AS active
FROM gy_ry
