-- Diagnoses. The ICD code is not unique here; the second and further ones of a code get #2, #3 … by row number, and upload
-- takes the suffix off again.
SELECT CASE WHEN nth > 1 THEN icd + '#' + CAST(nth AS varchar(5)) ELSE icd END AS diagnosis_code,
       name,
       input_code
FROM (SELECT ltrim(rtrim(icd)) AS icd, ltrim(rtrim(jbmc)) AS name, nullif(ltrim(rtrim(pym)), '') AS input_code,
             row_number() OVER (PARTITION BY ltrim(rtrim(icd)) ORDER BY jbxh) AS nth
      FROM gy_jb) t
