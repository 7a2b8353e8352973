-- Patient archive. A birth of 1900-01-01 means unknown; '无' in the allergy field means none. XGSJ, kept by a trigger, is when
-- the row last changed: between full reads only what changed is read.
SELECT CAST(brxh AS char(20)) AS patient_no,
       trim(brxm) AS name,
       CASE xb WHEN '1' THEN 'M' WHEN '2' THEN 'F' ELSE 'U' END AS sex,
       CASE WHEN substr(csny, 1, 8) NOT IN ('19000101', '30000101') AND char_length(trim(csny)) >= 8
            THEN concat(substr(csny, 1, 4), '-', substr(csny, 5, 2), '-', substr(csny, 7, 2)) END AS birth_date,
       CASE WHEN substr(csny, 1, 8) NOT IN ('19000101', '30000101') AND char_length(trim(csny)) = 16
            THEN substr(csny, 9, 8) END AS birth_time,
       nullif(trim(zjlx), '') AS id_type,
       nullif(trim(zjhm), '') AS id_no,
       nullif(trim(lxdh), '') AS phone,
       nullif(trim(dz), '') AS address,
       nullif(trim(jhrxm), '') AS guardian_name,
       nullif(trim(jhrdh), '') AS guardian_phone,
       nullif(trim(brxz), '') AS insurance_type,
       nullif(trim(ybkh), '') AS insurance_no,
       nullif(trim(ybqh), '') AS insurance_area,
       nullif(nullif(trim(gms), ''), '无') AS allergy,
       CASE WHEN coalesce(zfpb, 0) = 0 THEN 1 ELSE 0 END AS active,
       concat(substr(xgsj, 1, 4), '-', substr(xgsj, 5, 2), '-', substr(xgsj, 7, 2), ' ', substr(xgsj, 9, 8)) AS changed_at
FROM br_da
WHERE brxh IS NOT NULL
-- changed AND xgsj >= :changed_from_char16
-- paged AND brxh > CAST(:after_patient_no AS signed)
-- paged ORDER BY brxh LIMIT :page_rows
