-- Move the next receipt number forward past those used on paper; never back. Zero-padded to the width of the book.
UPDATE pj_ly
SET dqhm = lpad(CAST(CAST(:next_no AS signed) AS char(20)), char_length(trim(qshm)), '0')
WHERE czydm = :operator_code
  AND qz = :prefix
  AND CAST(:next_no AS signed) BETWEEN CAST(qshm AS signed) AND CAST(jshm AS signed) + 1
  AND CAST(dqhm AS signed) < CAST(:next_no AS signed)
