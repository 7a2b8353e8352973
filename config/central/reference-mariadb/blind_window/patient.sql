-- Patients the centre made between the last mirror and now.
SELECT CAST(brxh AS char(20)) AS central_key,
       trim(brxm) AS name,
       CASE xb WHEN '1' THEN 'M' WHEN '2' THEN 'F' ELSE 'U' END AS sex,
       CASE WHEN substr(csny, 1, 8) NOT IN ('19000101', '30000101') AND char_length(trim(csny)) >= 8
            THEN concat(substr(csny, 1, 4), '-', substr(csny, 5, 2), '-', substr(csny, 7, 2)) END AS birth_date,
       nullif(trim(zjhm), '') AS id_no,
       nullif(trim(lxdh), '') AS phone,
       concat(substr(jdrq, 1, 4), '-', substr(jdrq, 5, 2), '-', substr(jdrq, 7, 2), ' ', substr(jdrq, 9, 8)) AS created_at
FROM br_da
WHERE jdrq >= :since_char16 AND jdrq < :until_char16 AND coalesce(yjbz, '0') <> '1'
