-- step renumber
-- when kind = reissue
-- expect 1 else charge_changed
UPDATE bill SET number = CAST(:new_receipt_no AS text)
WHERE bill_id = CAST(:charge_key AS integer) AND number = CAST(:receipt_no AS text);

-- step spoilt
-- each numbers
-- expect 1 else receipt_no_used
INSERT INTO spoilt_paper (number, login, at, why, bill_id, source_no)
SELECT CAST(:receipt_no AS text), CAST(:book_operator_code AS text), CAST(strftime('%s', :occurred_at) AS integer), CAST(:reason AS text),
       CAST(:charge_key AS integer), CAST(:yj_no AS text)
WHERE NOT EXISTS (SELECT 1 FROM bill WHERE number = CAST(:receipt_no AS text));

-- step key
-- returns central_key
SELECT max(rowid) AS central_key FROM spoilt_paper WHERE source_no = CAST(:yj_no AS text);
