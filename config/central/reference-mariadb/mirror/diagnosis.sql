-- Diagnoses. The ICD code is not unique here; the second and further ones of a code get #2, #3 … by row number, and upload
-- takes the suffix off again.
SELECT CASE WHEN nth > 1 THEN concat(icd, '#', nth) ELSE icd END AS diagnosis_code,
       name,
       input_code
FROM (SELECT trim(icd) AS icd, trim(jbmc) AS name, nullif(trim(pym), '') AS input_code,
             row_number() OVER (PARTITION BY trim(icd) COLLATE utf8mb4_bin ORDER BY jbxh) AS nth
      FROM gy_jb) t
