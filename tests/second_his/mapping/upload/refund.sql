-- step remainder
-- expect 1 else refund_exceeds
SELECT 1 FROM bill b
WHERE b.bill_id = CAST(:original_key AS integer) AND b.reverses IS NULL
  AND b.fen + coalesce((SELECT sum(fen) FROM bill WHERE reverses = b.bill_id), 0)
      + CAST(round(CAST(:total AS numeric) * 100) AS integer) >= 0;

-- step bill
-- expect 1 else not_written
-- returns central_key, bill_row
INSERT INTO bill (person_id, visit_id, login, at, fen, reverses, why, source, source_no)
VALUES (CAST(:patient_key AS integer), CAST(:registration_key AS integer), CAST(:operator_code AS text),
        CAST(strftime('%s', :occurred_at) AS integer), CAST(round(CAST(:total AS numeric) * 100) AS integer),
        CAST(:original_key AS integer), CAST(:reason AS text), 'YJ', CAST(:yj_no AS text))
RETURNING bill_id AS central_key, bill_id AS bill_row;

-- step item
-- each lines
-- expect 1 else not_written
INSERT INTO bill_item (bill_id, pos, thing, thing_code, title, times, fen_each, fen, group_id, of_paper)
VALUES (CAST(:bill_row AS integer), CAST(:line_no AS integer), CASE :source WHEN 'prescription' THEN 'D' ELSE 'S' END,
        CAST(:item_code AS text), CAST(:name AS text), CAST(:quantity AS integer),
        CAST(round(CAST(:unit_price AS numeric) * 100) AS integer), CAST(round(CAST(:amount AS numeric) * 100) AS integer),
        CASE :receipt_category WHEN 'examination' THEN 1 WHEN 'laboratory' THEN 2 WHEN 'treatment' THEN 3 WHEN 'western' THEN 4
             WHEN 'patent' THEN 5 WHEN 'herbal' THEN 6 WHEN 'registration' THEN 7 WHEN 'consultation' THEN 8 ELSE 9 END, CAST(:source_id AS text));

-- step pay
-- each payments
-- expect 1 else not_written
INSERT INTO bill_pay (bill_id, pos, way, fen, reference)
VALUES (CAST(:bill_row AS integer), CAST(:payment_no AS integer), CAST(:method AS text),
        CAST(round(CAST(:amount AS numeric) * 100) AS integer), CAST(:reference AS text));

-- step scripts_refunded
-- each prescriptions
-- expect 1 else prescription_dispensed
UPDATE script SET state = 40 WHERE script_id = CAST(:key AS integer) AND state <> 30;

-- step requests_refunded
-- each orders
-- expect 1 else order_executed
UPDATE request SET state = 40 WHERE request_id = CAST(:key AS integer) AND state <> 30;
