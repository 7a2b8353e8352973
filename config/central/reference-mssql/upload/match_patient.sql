-- Who has this id number here? The caller decides by name, sex and birth date whether it is the same person.
SELECT CAST(brxh AS varchar(20)) AS patient_no,
       ltrim(rtrim(brxm)) AS name,
       CASE xb WHEN '1' THEN 'M' WHEN '2' THEN 'F' ELSE 'U' END AS sex,
       CASE WHEN substring(csny, 1, 8) NOT IN ('19000101', '30000101') AND len(ltrim(rtrim(csny))) >= 8
            THEN substring(csny, 1, 4) + '-' + substring(csny, 5, 2) + '-' + substring(csny, 7, 2) END AS birth_date,
       nullif(ltrim(rtrim(zjhm)), '') AS id_no,
       CASE WHEN coalesce(zfpb, 0) = 0 THEN 1 ELSE 0 END AS active
FROM br_da
WHERE zjhm IN (CAST(:id_no AS varchar(40)), upper(CAST(:id_no AS varchar(40))))
   OR (CAST(:id_no AS varchar(40)) IS NULL AND brxm = CAST(:name AS nvarchar(60))
       AND substring(csny, 1, 8) = replace(CAST(:birth_date AS varchar(10)), '-', '')
       AND xb = CASE CAST(:sex AS varchar(20)) WHEN 'M' THEN '1' WHEN 'F' THEN '2' ELSE '9' END)
ORDER BY brxh
