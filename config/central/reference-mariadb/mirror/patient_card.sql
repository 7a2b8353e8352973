-- Cards; a lost card stays in the list, inactive.
SELECT trim(kh) AS card_no,
       trim(klx) AS card_type,
       CAST(brxh AS char(20)) AS patient_no,
       CASE WHEN coalesce(ztbz, '0') = '0' THEN 1 ELSE 0 END AS active
FROM br_kp
WHERE brxh IS NOT NULL
-- paged AND kh >= :after_card_no
-- paged AND (kh > :after_card_no OR klx > :after_card_type)
-- paged ORDER BY kh, klx LIMIT :page_rows
