-- How many documents of ours the period has, and what they come to: asked for halves and halves of halves.
SELECT 'charge' AS entity, count(*) AS documents, coalesce(sum(zje), 0) AS total
FROM sf_zb
WHERE yjbz = '1' AND tfxh IS NULL AND sfrq >= CAST(:since_char16 AS char(16)) AND sfrq < CAST(:until_char16 AS char(16))
UNION ALL
SELECT 'refund' AS entity, count(*) AS documents, coalesce(sum(zje), 0) AS total
FROM sf_zb
WHERE yjbz = '1' AND tfxh IS NOT NULL AND sfrq >= CAST(:since_char16 AS char(16)) AND sfrq < CAST(:until_char16 AS char(16))
UNION ALL
SELECT 'registration' AS entity, count(*) AS documents, 0 AS total
FROM gh_mx
WHERE yjbz = '1' AND ghrq >= CAST(:since_char16 AS char(16)) AND ghrq < CAST(:until_char16 AS char(16))
UNION ALL
SELECT 'prescription' AS entity, count(*) AS documents, coalesce(sum(je), 0) AS total
FROM cf_zb
WHERE yjbz = '1' AND kfrq >= CAST(:since_char16 AS char(16)) AND kfrq < CAST(:until_char16 AS char(16))
UNION ALL
SELECT 'order' AS entity, count(*) AS documents, coalesce(sum(je), 0) AS total
FROM yj_sq
WHERE yjbz = '1' AND sqrq >= CAST(:since_char16 AS char(16)) AND sqrq < CAST(:until_char16 AS char(16))
