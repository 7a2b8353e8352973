-- A refund becomes a second, negative row of SF_ZB that points at the first (TFXH). The first gets state 1 when nothing is
-- left of it, else 2. What was dispensed or executed at the centre meanwhile goes to a person.
-- WBDH, the number of other systems, is unique here: it carries our identity and keeps a second row out.
-- step original
-- expect 1 else charge_already_refunded
SELECT sfxh FROM sf_zb
WHERE sfxh = CAST(:original_key AS integer) AND tfxh IS NULL AND coalesce(zt, '0') IN ('0', '2') FOR UPDATE;

-- step remainder
-- expect 1 else refund_exceeds
SELECT 1 FROM sf_zb z
WHERE z.sfxh = CAST(:original_key AS integer)
  AND z.zje + coalesce((SELECT sum(r.zje) FROM sf_zb r WHERE r.tfxh = z.sfxh), 0) + CAST(:total AS numeric(14, 2)) >= 0;

-- step key
-- expect 1 else key_table
-- returns central_key
UPDATE gy_xh SET dqz = dqz + 1 WHERE bm = 'SF_ZB' RETURNING dqz AS central_key;

-- step refund
-- expect 1 else not_written
INSERT INTO sf_zb (sfxh, sflb, brxh, brxm, ghxh, czydm, sfrq, zje, fphm, zt, tfxh, yy, lrrq, yjbz, yjlsh, wbdh)
VALUES (
    CAST(:central_key AS integer), CASE :charge_kind WHEN 'registration' THEN '1' ELSE '2' END,
    CAST(:patient_key AS integer), left(CAST(:patient_name AS varchar(200)), 60), CAST(:registration_key AS integer),
    CAST(:operator_code AS varchar(10)), CAST(:occurred_at_char16 AS char(16)), CAST(:total AS numeric(14, 2)),
    CAST(:original_receipt_no AS varchar(20)), '3', CAST(:original_key AS integer),
    left(CAST(:reason AS varchar(400)), 200), CAST(:now_at_char16 AS char(16)), '1', CAST(:yj_no AS varchar(30)),
    CAST(:yj_id AS varchar(40)));

-- step line
-- each lines
-- expect 1 else not_written
INSERT INTO sf_mx (sfxh, xh, xmdm, xmmc, dw, sl, dj, je, fylb, ly, lyid)
VALUES (
    CAST(:central_key AS integer), CAST(:line_no AS integer), CAST(:item_code AS varchar(20)),
    left(CAST(:name AS varchar(200)), 120), left(CAST(:unit AS varchar(20)), 10), CAST(:quantity AS numeric(10, 2)),
    CAST(:unit_price AS numeric(12, 4)), CAST(:amount AS numeric(14, 2)),
    CASE :receipt_category
            WHEN 'registration' THEN '13' WHEN 'consultation' THEN '02' WHEN 'examination' THEN '03'
            WHEN 'laboratory' THEN '04' WHEN 'treatment' THEN '05' WHEN 'surgery' THEN '06' WHEN 'material' THEN '08'
            WHEN 'western' THEN '09' WHEN 'herbal' THEN '10' WHEN 'patent' THEN '11' WHEN 'general' THEN '12'
            ELSE '14' END,
    CASE :source WHEN 'registration' THEN '1' WHEN 'prescription' THEN '2' WHEN 'order' THEN '3' ELSE '4' END,
    left(CAST(:source_id AS varchar(80)), 40));

-- step payment
-- each payments
-- expect 1 else not_written
INSERT INTO sf_zf (sfxh, xh, zffs, je, ckh, zt)
VALUES (
    CAST(:central_key AS integer), CAST(:payment_no AS integer),
    CASE :method WHEN 'cash' THEN '1' WHEN 'bank_card' THEN '2' WHEN 'wechat' THEN '3' WHEN 'alipay' THEN '4'
                 WHEN 'rounding' THEN '7' WHEN 'arrears' THEN '8' ELSE '9' END,
    CAST(:amount AS numeric(14, 2)), left(CAST(:reference AS varchar(80)), 60),
    CASE :state WHEN 'in_doubt' THEN '9' ELSE '0' END);

-- step mark
-- expect 1 else charge_already_refunded
UPDATE sf_zb z
SET zt = CASE WHEN z.zje + (SELECT sum(r.zje) FROM sf_zb r WHERE r.tfxh = z.sfxh) = 0 THEN '1' ELSE '2' END
WHERE z.sfxh = CAST(:original_key AS integer);

-- step prescription_refunded
-- each prescriptions
-- expect 1 else prescription_dispensed
UPDATE cf_zb SET zt = '3' WHERE cfxh = CAST(:key AS integer) AND coalesce(zt, '0') <> '2';

-- step order_refunded
-- each orders
-- expect 1 else order_executed
UPDATE yj_sq SET zt = '3' WHERE sqxh = CAST(:key AS integer) AND coalesce(zt, '0') <> '2';
