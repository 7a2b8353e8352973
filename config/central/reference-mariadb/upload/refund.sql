-- A refund becomes a second, negative row of SF_ZB that points at the first (TFXH). The first gets state 1 when nothing is
-- left of it, else 2. What was dispensed or executed at the centre meanwhile goes to a person.
-- step original
-- expect 1 else charge_already_refunded
SELECT sfxh FROM sf_zb
WHERE sfxh = CAST(:original_key AS signed) AND tfxh IS NULL AND coalesce(zt, '0') IN ('0', '2') FOR UPDATE;

-- step remainder
-- expect 1 else refund_exceeds
SELECT 1 FROM sf_zb z
WHERE z.sfxh = CAST(:original_key AS signed)
  AND z.zje + coalesce((SELECT sum(r.zje) FROM sf_zb r WHERE r.tfxh = z.sfxh), 0) + CAST(:total AS decimal(14, 2)) >= 0;

-- step key
-- expect 1 else key_table
UPDATE gy_xh SET dqz = dqz + 1 WHERE bm = 'SF_ZB';

-- step key_taken
-- expect 1 else key_table
-- returns central_key
SELECT dqz AS central_key FROM gy_xh WHERE bm = 'SF_ZB';

-- step refund
-- expect 1 else not_written
INSERT INTO sf_zb (sfxh, sflb, brxh, brxm, ghxh, czydm, sfrq, zje, fphm, zt, tfxh, yy, lrrq, jzrq, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS signed), CASE :charge_kind WHEN 'registration' THEN '1' ELSE '2' END,
    CAST(:patient_key AS signed), left(:patient_name, 60), CAST(:registration_key AS signed),
    :operator_code, :occurred_at_char16, CAST(:total AS decimal(14, 2)),
    :original_receipt_no, '3', CAST(:original_key AS signed),
    left(:reason, 200), :now_at_char16,
    greatest(:business_date_char8,  -- posted to the first day that the cashier has not closed
             coalesce((SELECT date_format(date_add(str_to_date(max(rjrq), '%Y%m%d'), INTERVAL 1 DAY), '%Y%m%d') FROM sf_rj
                       WHERE czydm = :operator_code), '')),
    '1', :yj_no);

-- step line
-- each lines
-- expect 1 else not_written
INSERT INTO sf_mx (sfxh, xh, xmdm, xmmc, dw, sl, dj, je, fylb, ly, lyid)
VALUES (
    CAST(:central_key AS signed), CAST(:line_no AS signed), :item_code,
    left(:name, 120), left(:unit, 10), CAST(:quantity AS decimal(10, 2)),
    CAST(:unit_price AS decimal(12, 4)), CAST(:amount AS decimal(14, 2)),
    CASE :receipt_category
            WHEN 'registration' THEN '13' WHEN 'consultation' THEN '02' WHEN 'examination' THEN '03'
            WHEN 'laboratory' THEN '04' WHEN 'treatment' THEN '05' WHEN 'surgery' THEN '06' WHEN 'material' THEN '08'
            WHEN 'western' THEN '09' WHEN 'herbal' THEN '10' WHEN 'patent' THEN '11' WHEN 'general' THEN '12'
            ELSE '14' END,
    CASE :source WHEN 'registration' THEN '1' WHEN 'prescription' THEN '2' WHEN 'order' THEN '3' ELSE '4' END,
    left(:source_id, 40));

-- step payment
-- each payments
-- expect 1 else not_written
INSERT INTO sf_zf (sfxh, xh, zffs, je, ckh, zt)
VALUES (
    CAST(:central_key AS signed), CAST(:payment_no AS signed),
    CASE :method WHEN 'cash' THEN '1' WHEN 'bank_card' THEN '2' WHEN 'wechat' THEN '3' WHEN 'alipay' THEN '4'
                 WHEN 'rounding' THEN '7' WHEN 'arrears' THEN '8' ELSE '9' END,
    CAST(:amount AS decimal(14, 2)), left(:reference, 60),
    CASE :state WHEN 'in_doubt' THEN '9' ELSE '0' END);

-- step mark
-- This database counts only rows that become different, so nothing is expected here: `original` has locked the row. The
-- inner table stands one level deeper than needed because MySQL refuses the updated table in a plain subquery.
UPDATE sf_zb z
SET z.zt = CASE WHEN z.zje + (SELECT t.back FROM (SELECT sum(r.zje) AS back FROM sf_zb r
                                                  WHERE r.tfxh = CAST(:original_key AS signed)) t) = 0
                THEN '1' ELSE '2' END
WHERE z.sfxh = CAST(:original_key AS signed);

-- step prescription_there
-- each prescriptions
-- expect 1 else prescription_dispensed
SELECT cfxh FROM cf_zb WHERE cfxh = CAST(:key AS signed) AND coalesce(zt, '0') <> '2' FOR UPDATE;

-- step prescription_refunded
-- each prescriptions
UPDATE cf_zb SET zt = '3' WHERE cfxh = CAST(:key AS signed);

-- step order_there
-- each orders
-- expect 1 else order_executed
SELECT sqxh FROM yj_sq WHERE sqxh = CAST(:key AS signed) AND coalesce(zt, '0') <> '2' FOR UPDATE;

-- step order_refunded
-- each orders
UPDATE yj_sq SET zt = '3' WHERE sqxh = CAST(:key AS signed);
