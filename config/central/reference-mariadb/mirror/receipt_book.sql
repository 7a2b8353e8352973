-- Receipt books in use or in reserve. Numbers are zero-padded text; how many digits the paper shows is told beside them.
SELECT trim(czydm) AS operator_code,
       trim(qz) AS prefix,
       trim(qshm) AS start_no,
       trim(jshm) AS end_no,
       trim(dqhm) AS next_no,
       char_length(trim(qshm)) AS digits
FROM pj_ly
WHERE pjlb = '1' AND coalesce(zt, '1') <> '2'
