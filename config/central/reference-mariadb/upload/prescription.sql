-- A prescription of the standby becomes CF_ZB and CF_MX, unpaid; the charge that follows marks it paid. Prices are kept as
-- charged; a drug that is no longer there or stopped goes to a person.
-- step department
-- expect 1 else department_gone
SELECT 1 FROM gy_ks WHERE ksdm = :department_code AND coalesce(zfpb, 0) = 0;

-- step drug
-- each lines
-- expect 1 else price_gone
SELECT 1 FROM yp_xx
WHERE ypxh = CAST(:drug_code AS signed) AND coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0;

-- step key
-- expect 1 else key_table
UPDATE gy_xh SET dqz = dqz + 1 WHERE bm = 'CF_ZB';

-- step key_taken
-- expect 1 else key_table
-- returns central_key
SELECT dqz AS central_key FROM gy_xh WHERE bm = 'CF_ZB';

-- step prescription
-- expect 1 else not_written
INSERT INTO cf_zb (cfxh, ghxh, brxh, cflb, zddm, ksdm, ysdm, yfdm, kfrq, je, zt, bz, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS signed), CAST(:registration_key AS signed), CAST(:patient_key AS signed),
    CASE :kind WHEN 'patent' THEN '2' WHEN 'herbal' THEN '3' ELSE '1' END,
    -- the #2, #3 … that mirror/diagnosis.sql gives to repeated codes are ours
    left(regexp_replace(coalesce(:diagnosis_codes, ''), '#[0-9]+', ''), 200),
    :department_code, :staff_code,
    CASE :kind WHEN 'herbal' THEN 'MZZYF' ELSE 'MZXYF' END, :occurred_at_char16,
    CAST(:total AS decimal(14, 2)), '0', concat('YJ ', :operator_code), '1',
    :yj_no);

-- step line
-- each lines
-- expect 1 else not_written
INSERT INTO cf_mx (cfxh, xh, ypxh, ypmc, gg, dw, dj, sl, je, fylb, ycjl, jldw, yf, pl, ts, bz)
VALUES (
    CAST(:central_key AS signed), CAST(:line_no AS signed), CAST(:drug_code AS signed),
    left(:name, 120), left(:spec, 80), left(:unit, 8),
    CAST(:unit_price AS decimal(12, 4)), CAST(:quantity AS decimal(10, 2)), CAST(:amount AS decimal(14, 2)),
    CASE :receipt_category
            WHEN 'registration' THEN '13' WHEN 'consultation' THEN '02' WHEN 'examination' THEN '03'
            WHEN 'laboratory' THEN '04' WHEN 'treatment' THEN '05' WHEN 'surgery' THEN '06' WHEN 'material' THEN '08'
            WHEN 'western' THEN '09' WHEN 'herbal' THEN '10' WHEN 'patent' THEN '11' WHEN 'general' THEN '12'
            ELSE '14' END,
    left(:dose, 20), left(:dose_unit, 10), left(:usage, 20),
    left(:frequency, 20), CAST(:days AS signed), left(:note, 200));
