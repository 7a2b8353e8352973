-- An order of the standby becomes YJ_SQ and YJ_SQMX, unpaid; the charge that follows marks it paid.
-- P_JK_SH takes our identity before anything else, refuses it twice, and gives the key.
-- step take
-- code 0 ok, 1 repeated, 5 busy, else key_table
-- returns code, central_key
CALL p_jk_sh(CAST(:yj_id AS varchar), 'order', 'YJ_SQ', NULL, NULL);

-- step department
-- expect 1 else department_gone
SELECT 1 FROM gy_ks WHERE ksdm = CAST(:department_code AS char(10)) AND coalesce(zfpb, 0) = 0;

-- step item
-- each lines
-- expect 1 else price_gone
SELECT 1 FROM sf_xm
WHERE xmdm = CAST(:item_code AS char(20)) AND coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0;

-- step order
-- expect 1 else not_written
INSERT INTO yj_sq (sqxh, ghxh, brxh, ksdm, ysdm, sqrq, je, zt, bz, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS integer), CAST(:registration_key AS integer), CAST(:patient_key AS integer),
    CAST(:department_code AS varchar(10)), CAST(:staff_code AS varchar(10)), CAST(:occurred_at_char16 AS char(16)),
    CAST(:total AS numeric(14, 2)), '0', 'YJ ' || CAST(:operator_code AS varchar(10)), '1',
    CAST(:yj_no AS varchar(30)));

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
