-- Cards; a lost card stays in the list, inactive.
SELECT
-- paged TOP (CAST(:page_rows AS int))
       ltrim(rtrim(kh)) AS card_no,
       ltrim(rtrim(klx)) AS card_type,
       CAST(brxh AS varchar(20)) AS patient_no,
       CASE WHEN coalesce(ztbz, '0') = '0' THEN 1 ELSE 0 END AS active
FROM br_kp
WHERE brxh IS NOT NULL
-- paged AND kh >= CAST(:after_card_no AS char(20))
-- paged AND (kh > CAST(:after_card_no AS char(20)) OR klx > CAST(:after_card_type AS char(2)))
-- paged ORDER BY kh, klx
