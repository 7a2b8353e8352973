-- step receipt
-- when receipt_no present
-- expect 1 else receipt_no_used
SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM bill WHERE number = CAST(:receipt_no AS text))
           AND NOT EXISTS (SELECT 1 FROM spoilt_paper WHERE number = CAST(:receipt_no AS text));

-- step bill
-- expect 1 else not_written
-- returns central_key, bill_row
INSERT INTO bill (number, person_id, visit_id, login, at, fen, source, source_no)
VALUES (CAST(:receipt_no AS text), CAST(:patient_key AS integer), CAST(:registration_key AS integer), CAST(:operator_code AS text),
        CAST(strftime('%s', :occurred_at) AS integer), CAST(round(CAST(:total AS numeric) * 100) AS integer), 'YJ', CAST(:yj_no AS text))
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

-- step scripts_paid
-- each prescriptions
-- expect 1 else prescription_already_paid
UPDATE script SET state = 20, bill_id = CAST(:bill_row AS integer) WHERE script_id = CAST(:key AS integer) AND state = 10;

-- step scripts_same
-- each prescriptions
-- expect 1 else prescription_changed
SELECT 1 FROM script s
WHERE s.script_id = CAST(:key AS integer)
  AND s.fen = (SELECT sum(fen) FROM bill_item WHERE bill_id = CAST(:bill_row AS integer) AND of_paper = CAST(:id AS text));

-- step requests_paid
-- each orders
-- expect 1 else order_already_paid
UPDATE request SET state = 20, bill_id = CAST(:bill_row AS integer) WHERE request_id = CAST(:key AS integer) AND state = 10;
