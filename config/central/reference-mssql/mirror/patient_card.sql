-- Cards; a lost card stays in the list, inactive.
SELECT ltrim(rtrim(kh)) AS card_no,
       ltrim(rtrim(klx)) AS card_type,
       CAST(brxh AS varchar(20)) AS patient_no,
       CASE WHEN coalesce(ztbz, '0') = '0' THEN 1 ELSE 0 END AS active
FROM br_kp
WHERE brxh IS NOT NULL
