-- Receipt books in use or in reserve. Numbers are zero-padded text and stay so: their length is the length on the paper.
SELECT trim(czydm) AS operator_code,
       trim(qz) AS prefix,
       trim(qshm) AS start_no,
       trim(jshm) AS end_no,
       trim(dqhm) AS next_no
FROM pj_ly
WHERE pjlb = '1' AND coalesce(zt, '1') <> '2'
