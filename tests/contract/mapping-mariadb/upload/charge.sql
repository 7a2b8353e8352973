-- step number
-- when receipt_no present
-- expect 0 else receipt_no_used
SELECT nr, receipt_no, total FROM bill WHERE receipt_no = :receipt_no;
-- step head
-- expect 1 else not_written
-- returns central_key
INSERT INTO bill (yj_no, receipt_no, patient_key, total, at, kind)
VALUES (:yj_no, :receipt_no, CAST(:patient_key AS integer), CAST(:total AS decimal(14, 2)), :occurred_at_char16, '门诊:𠮷')
RETURNING nr;
-- step line
-- each lines
-- expect 1 else not_written
INSERT INTO bill_line (bill, code, amount) VALUES (:central_key, :item_code, CAST(:amount AS decimal(14, 2)));
-- step settle
-- each prescriptions
-- expect 1 else prescription_already_paid
UPDATE rx SET paid_by = :central_key WHERE nr = CAST(:key AS integer) AND paid_by IS NULL;
