-- Code lists the windows use. For a frequency, extra is the number of times a day; for a usage its abbreviation.
SELECT CASE ltrim(rtrim(zdlb)) WHEN 'YF' THEN 'usage' WHEN 'PL' THEN 'frequency' WHEN 'BRXZ' THEN 'insurance_type'
                       WHEN 'ZJLX' THEN 'id_type' WHEN 'KPLX' THEN 'card_type' END AS dict,
       ltrim(rtrim(zddm)) AS code,
       ltrim(rtrim(zdmc)) AS name,
       nullif(ltrim(rtrim(kz)), '') AS extra
FROM gy_zd
WHERE ltrim(rtrim(zdlb)) IN ('YF', 'PL', 'BRXZ', 'ZJLX', 'KPLX') AND coalesce(zfpb, 0) = 0
