-- Who has this id number here? The caller decides by name, sex and birth date whether it is the same person.
SELECT CAST(brxh AS char(20)) AS patient_no,
       trim(brxm) AS name,
       CASE xb WHEN '1' THEN 'M' WHEN '2' THEN 'F' ELSE 'U' END AS sex,
       CASE WHEN substr(csny, 1, 8) NOT IN ('19000101', '30000101') AND char_length(trim(csny)) >= 8
            THEN concat(substr(csny, 1, 4), '-', substr(csny, 5, 2), '-', substr(csny, 7, 2)) END AS birth_date,
       nullif(trim(zjhm), '') AS id_no,
       CASE WHEN coalesce(zfpb, 0) = 0 THEN 1 ELSE 0 END AS active
FROM br_da
WHERE zjhm IN (:id_no, upper(:id_no))
   OR (:id_no IS NULL AND brxm = :name
       AND substr(csny, 1, 8) = replace(:birth_date, '-', '')
       AND xb = CASE :sex WHEN 'M' THEN '1' WHEN 'F' THEN '2' ELSE '9' END)
ORDER BY brxh
