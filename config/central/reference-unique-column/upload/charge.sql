-- A charge becomes SF_ZB, SF_MX and SF_ZF and settles the prescriptions and orders it was taken for, ours and the centre's
-- own alike. The key is taken first: its row lock keeps other charges out while the receipt number is looked up. It is handed
-- on by two names because a prescription or an order has a central_key of its own.
-- WBDH, the number of other systems, is unique here: it carries our identity and keeps a second row out.
-- step key
-- expect 1 else key_table
-- returns central_key, charge_row
UPDATE gy_xh SET dqz = dqz + 1 WHERE bm = 'SF_ZB' RETURNING dqz AS central_key, dqz AS charge_row;

-- step receipt
-- when receipt_no present
-- expect 1 else receipt_no_used
SELECT 1
WHERE NOT EXISTS (SELECT 1 FROM sf_zb WHERE fphm = CAST(:receipt_no AS varchar(20)))
  AND NOT EXISTS (SELECT 1 FROM pj_zf WHERE fphm = CAST(:receipt_no AS varchar(20)));

-- step patient
-- when patient_key present
-- expect 1 else patient_gone
SELECT 1 FROM br_da WHERE brxh = CAST(:patient_key AS integer) AND coalesce(zfpb, 0) = 0;

-- step item
-- each lines
-- when source = item
-- expect 1 else price_gone
SELECT 1 FROM sf_xm
WHERE xmdm = CAST(:item_code AS char(20)) AND coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0;

-- step charge
-- expect 1 else not_written
INSERT INTO sf_zb (sfxh, sflb, brxh, brxm, ghxh, czydm, sfrq, zje, fphm, zt, brxz, ybkh, ybqh, lrrq, yjbz, yjlsh, wbdh)
VALUES (
    CAST(:central_key AS integer), CASE :charge_kind WHEN 'registration' THEN '1' ELSE '2' END,
    CAST(:patient_key AS integer), left(CAST(:patient_name AS varchar(200)), 60), CAST(:registration_key AS integer),
    CAST(:operator_code AS varchar(10)), CAST(:occurred_at_char16 AS char(16)), CAST(:total AS numeric(14, 2)),
    CAST(:receipt_no AS varchar(20)), '0', CAST(:insurance_type AS varchar(4)), CAST(:insurance_no AS varchar(40)),
    CAST(:insurance_area AS varchar(6)), CAST(:now_at_char16 AS char(16)), '1', CAST(:yj_no AS varchar(30)),
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

-- step registration
-- when charge_kind = registration
UPDATE gh_mx SET sfxh = CAST(:central_key AS integer) WHERE ghxh = CAST(:registration_key AS integer);

-- step prescription_there
-- each prescriptions
-- expect 1 else prescription_changed
SELECT cfxh FROM cf_zb WHERE cfxh = CAST(:key AS integer) AND coalesce(zt, '0') NOT IN ('3', '9') FOR UPDATE;

-- step prescription_paid
-- each prescriptions
-- expect 1 else prescription_already_paid
UPDATE cf_zb SET zt = '1', sfxh = CAST(:charge_row AS integer)
WHERE cfxh = CAST(:key AS integer) AND coalesce(zt, '0') = '0';

-- step prescription_same
-- each prescriptions
-- expect 1 else prescription_changed
SELECT 1 FROM cf_zb z
WHERE z.cfxh = CAST(:key AS integer)
  AND z.je = (SELECT sum(m.je) FROM sf_mx m
              WHERE m.sfxh = CAST(:charge_row AS integer) AND m.lyid = left(CAST(:id AS varchar(80)), 40))
  AND NOT EXISTS (
      SELECT 1 FROM cf_mx l
      WHERE l.cfxh = z.cfxh AND NOT EXISTS (
          SELECT 1 FROM sf_mx m
          WHERE m.sfxh = CAST(:charge_row AS integer) AND m.lyid = left(CAST(:id AS varchar(80)), 40)
            AND m.xmdm = CAST(l.ypxh AS char(20)) AND m.sl = l.sl AND m.je = l.je));

-- step order_there
-- each orders
-- expect 1 else order_changed
SELECT sqxh FROM yj_sq WHERE sqxh = CAST(:key AS integer) AND coalesce(zt, '0') NOT IN ('3', '9') FOR UPDATE;

-- step order_paid
-- each orders
-- expect 1 else order_already_paid
UPDATE yj_sq SET zt = '1', sfxh = CAST(:charge_row AS integer)
WHERE sqxh = CAST(:key AS integer) AND coalesce(zt, '0') = '0';

-- step order_same
-- each orders
-- expect 1 else order_changed
SELECT 1 FROM yj_sq z
WHERE z.sqxh = CAST(:key AS integer)
  AND z.je = (SELECT sum(m.je) FROM sf_mx m
              WHERE m.sfxh = CAST(:charge_row AS integer) AND m.lyid = left(CAST(:id AS varchar(80)), 40))
  AND NOT EXISTS (
      SELECT 1 FROM yj_sqmx l
      WHERE l.sqxh = z.sqxh AND NOT EXISTS (
          SELECT 1 FROM sf_mx m
          WHERE m.sfxh = CAST(:charge_row AS integer) AND m.lyid = left(CAST(:id AS varchar(80)), 40)
            AND m.xmdm = CAST(l.xmdm AS char(20)) AND m.sl = l.sl AND m.je = l.je));
