-- An order of the standby becomes YJ_SQ and YJ_SQMX, unpaid; the charge that follows marks it paid.
-- step department
-- expect 1 else department_gone
SELECT 1 FROM gy_ks WHERE ksdm = :department_code AND coalesce(zfpb, 0) = 0;

-- step item
-- each lines
-- expect 1 else price_gone
SELECT 1 FROM sf_xm
WHERE xmdm = :item_code AND coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0;

-- step key
-- expect 1 else key_table
UPDATE gy_xh SET dqz = dqz + 1 WHERE bm = 'YJ_SQ';

-- step key_taken
-- expect 1 else key_table
-- returns central_key
SELECT dqz AS central_key FROM gy_xh WHERE bm = 'YJ_SQ';

-- step order
-- expect 1 else not_written
INSERT INTO yj_sq (sqxh, ghxh, brxh, ksdm, ysdm, sqrq, je, zt, bz, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS signed), CAST(:registration_key AS signed), CAST(:patient_key AS signed),
    :department_code, :staff_code, :occurred_at_char16,
    CAST(:total AS decimal(14, 2)), '0', concat('YJ ', :operator_code), '1',
    :yj_no);

-- step line
-- each lines
-- expect 1 else not_written
INSERT INTO yj_sqmx (sqxh, xh, xmdm, xmmc, dw, dj, sl, je, fylb, zxks)
VALUES (
    CAST(:central_key AS signed), CAST(:line_no AS signed), :item_code,
    left(:name, 120), left(:unit, 10), CAST(:unit_price AS decimal(12, 4)),
    CAST(:quantity AS decimal(10, 2)), CAST(:amount AS decimal(14, 2)),
    CASE :receipt_category
            WHEN 'registration' THEN '13' WHEN 'consultation' THEN '02' WHEN 'examination' THEN '03'
            WHEN 'laboratory' THEN '04' WHEN 'treatment' THEN '05' WHEN 'surgery' THEN '06' WHEN 'material' THEN '08'
            WHEN 'western' THEN '09' WHEN 'herbal' THEN '10' WHEN 'patent' THEN '11' WHEN 'general' THEN '12'
            ELSE '14' END,
    :exec_department_code);
