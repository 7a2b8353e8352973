-- An order of the standby becomes YJ_SQ and YJ_SQMX, unpaid; the charge that follows marks it paid.
-- WBDH, the number of other systems, is unique here: it carries our identity and keeps a second row out.
-- step department
-- expect 1 else department_gone
SELECT 1 FROM gy_ks WHERE ksdm = CAST(:department_code AS char(10)) AND coalesce(zfpb, 0) = 0;

-- step item
-- each lines
-- expect 1 else price_gone
SELECT 1 FROM sf_xm
WHERE xmdm = CAST(:item_code AS char(20)) AND coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0;

-- step key
-- expect 1 else key_table
-- returns central_key
UPDATE gy_xh SET dqz = dqz + 1 WHERE bm = 'YJ_SQ' RETURNING dqz AS central_key;

-- step order
-- expect 1 else not_written
INSERT INTO yj_sq (sqxh, ghxh, brxh, ksdm, ysdm, sqrq, je, zt, bz, yjbz, yjlsh, wbdh)
VALUES (
    CAST(:central_key AS integer), CAST(:registration_key AS integer), CAST(:patient_key AS integer),
    CAST(:department_code AS varchar(10)), CAST(:staff_code AS varchar(10)), CAST(:occurred_at_char16 AS char(16)),
    CAST(:total AS numeric(14, 2)), '0', 'YJ ' || CAST(:operator_code AS varchar(10)), '1',
    CAST(:yj_no AS varchar(30)),
    CAST(:yj_id AS varchar(40)));

-- step line
-- each lines
-- expect 1 else not_written
INSERT INTO yj_sqmx (sqxh, xh, xmdm, xmmc, dw, dj, sl, je, fylb, zxks)
VALUES (
    CAST(:central_key AS integer), CAST(:line_no AS integer), CAST(:item_code AS varchar(20)),
    left(CAST(:name AS varchar(200)), 120), left(CAST(:unit AS varchar(20)), 10), CAST(:unit_price AS numeric(12, 4)),
    CAST(:quantity AS numeric(10, 2)), CAST(:amount AS numeric(14, 2)),
    CASE :receipt_category
            WHEN 'registration' THEN '13' WHEN 'consultation' THEN '02' WHEN 'examination' THEN '03'
            WHEN 'laboratory' THEN '04' WHEN 'treatment' THEN '05' WHEN 'surgery' THEN '06' WHEN 'material' THEN '08'
            WHEN 'western' THEN '09' WHEN 'herbal' THEN '10' WHEN 'patent' THEN '11' WHEN 'general' THEN '12'
            ELSE '14' END,
    CAST(:exec_department_code AS varchar(10)));
