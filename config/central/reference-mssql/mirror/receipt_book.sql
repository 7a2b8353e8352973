-- Receipt books in use or in reserve. Numbers are zero-padded text; how many digits the paper shows is told beside them.
SELECT ltrim(rtrim(czydm)) AS operator_code,
       ltrim(rtrim(qz)) AS prefix,
       ltrim(rtrim(qshm)) AS start_no,
       ltrim(rtrim(jshm)) AS end_no,
       ltrim(rtrim(dqhm)) AS next_no,
       len(ltrim(rtrim(qshm))) AS digits
FROM pj_ly
WHERE pjlb = '1' AND coalesce(zt, '1') <> '2'
