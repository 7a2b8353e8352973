-- Receipt books in use or in reserve. Numbers are zero-padded text and stay so: their length is the length on the paper.
SELECT ltrim(rtrim(czydm)) AS operator_code,
       ltrim(rtrim(qz)) AS prefix,
       ltrim(rtrim(qshm)) AS start_no,
       ltrim(rtrim(jshm)) AS end_no,
       ltrim(rtrim(dqhm)) AS next_no
FROM pj_ly
WHERE pjlb = '1' AND coalesce(zt, '1') <> '2'
