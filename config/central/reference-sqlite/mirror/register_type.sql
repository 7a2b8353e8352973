-- Registration types with their two fees.
SELECT trim(lbdm) AS type_code,
       trim(lbmc) AS name,
       CAST(coalesce(ghf, 0) AS varchar(20)) AS registration_fee,
       CAST(coalesce(zlf, 0) AS varchar(20)) AS consultation_fee,
       yxts AS validity_days,
       CASE WHEN coalesce(zfpb, 0) = 0 THEN 1 ELSE 0 END AS active
FROM gh_lb
