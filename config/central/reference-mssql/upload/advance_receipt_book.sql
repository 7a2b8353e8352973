-- Move the next receipt number forward past those used on paper; never back. Zero-padded to the width of the book.
UPDATE pj_ly
SET dqhm = right(replicate('0', len(qshm)) + CAST(CAST(:next_no AS bigint) AS varchar(20)), len(qshm))
WHERE czydm = CAST(:operator_code AS char(10))
  AND qz = CAST(:prefix AS char(6))
  AND CAST(:next_no AS bigint) BETWEEN CAST(qshm AS bigint) AND CAST(jshm AS bigint) + 1
  AND CAST(dqhm AS bigint) < CAST(:next_no AS bigint)
