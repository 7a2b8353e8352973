-- Patients the centre made between the last mirror and now.
SELECT CAST(brxh AS varchar(20)) AS central_key,
       ltrim(rtrim(brxm)) AS name,
       CASE xb WHEN '1' THEN 'M' WHEN '2' THEN 'F' ELSE 'U' END AS sex,
       CASE WHEN substring(csny, 1, 8) NOT IN ('19000101', '30000101') AND len(ltrim(rtrim(csny))) >= 8
            THEN substring(csny, 1, 4) + '-' + substring(csny, 5, 2) + '-' + substring(csny, 7, 2) END AS birth_date,
       nullif(ltrim(rtrim(zjhm)), '') AS id_no,
       nullif(ltrim(rtrim(lxdh)), '') AS phone,
       substring(jdrq, 1, 4) + '-' + substring(jdrq, 5, 2) + '-' + substring(jdrq, 7, 2) + ' '
           + substring(jdrq, 9, 8) AS created_at
FROM br_da
WHERE jdrq >= CAST(:since_char16 AS char(16)) AND jdrq < CAST(:until_char16 AS char(16)) AND coalesce(yjbz, '0') <> '1'
