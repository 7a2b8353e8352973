-- Patient archive. A birth of 1900-01-01 means unknown; '无' in the allergy field means none. XGSJ, kept by a trigger, is when
-- the row last changed: between full reads only what changed is read.
SELECT
-- paged TOP (CAST(:page_rows AS int))
       CAST(brxh AS varchar(20)) AS patient_no,
       ltrim(rtrim(brxm)) AS name,
       CASE xb WHEN '1' THEN 'M' WHEN '2' THEN 'F' ELSE 'U' END AS sex,
       CASE WHEN substring(csny, 1, 8) NOT IN ('19000101', '30000101') AND len(ltrim(rtrim(csny))) >= 8
            THEN substring(csny, 1, 4) + '-' + substring(csny, 5, 2) + '-' + substring(csny, 7, 2) END AS birth_date,
       CASE WHEN substring(csny, 1, 8) NOT IN ('19000101', '30000101') AND len(ltrim(rtrim(csny))) = 16
            THEN substring(csny, 9, 8) END AS birth_time,
       nullif(ltrim(rtrim(zjlx)), '') AS id_type,
       nullif(ltrim(rtrim(zjhm)), '') AS id_no,
       nullif(ltrim(rtrim(lxdh)), '') AS phone,
       nullif(ltrim(rtrim(dz)), '') AS address,
       nullif(ltrim(rtrim(jhrxm)), '') AS guardian_name,
       nullif(ltrim(rtrim(jhrdh)), '') AS guardian_phone,
       nullif(ltrim(rtrim(brxz)), '') AS insurance_type,
       nullif(ltrim(rtrim(ybkh)), '') AS insurance_no,
       nullif(ltrim(rtrim(ybqh)), '') AS insurance_area,
       nullif(nullif(ltrim(rtrim(gms)), ''), N'无') AS allergy,
       CASE WHEN coalesce(zfpb, 0) = 0 THEN 1 ELSE 0 END AS active,
       substring(xgsj, 1, 4) + '-' + substring(xgsj, 5, 2) + '-' + substring(xgsj, 7, 2) + ' '
           + substring(xgsj, 9, 8) AS changed_at
FROM br_da
WHERE brxh IS NOT NULL
-- changed AND xgsj >= CAST(:changed_from_char16 AS char(16))
-- paged AND brxh > CAST(CAST(:after_patient_no AS varchar(20)) AS int)
-- paged ORDER BY brxh
