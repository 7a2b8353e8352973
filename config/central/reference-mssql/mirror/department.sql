-- Departments and pharmacies.
SELECT ltrim(rtrim(ksdm)) AS department_code,
       ltrim(rtrim(ksmc)) AS name,
       CASE kslb WHEN '1' THEN 'outpatient' WHEN '2' THEN 'emergency' WHEN '3' THEN 'pharmacy' WHEN '4' THEN 'exam'
                 ELSE 'other' END AS kind,
       nullif(ltrim(rtrim(wz)), '') AS location,
       CASE WHEN coalesce(zfpb, 0) = 0 THEN 1 ELSE 0 END AS active
FROM gy_ks
