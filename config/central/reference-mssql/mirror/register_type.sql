-- Registration types with their two fees.
SELECT ltrim(rtrim(lbdm)) AS type_code,
       ltrim(rtrim(lbmc)) AS name,
       coalesce(ghf, 0) AS registration_fee,
       coalesce(zlf, 0) AS consultation_fee,
       yxts AS validity_days,
       CASE WHEN coalesce(zfpb, 0) = 0 THEN 1 ELSE 0 END AS active
FROM gh_lb
