-- A prescription of the standby becomes CF_ZB and CF_MX, unpaid; the charge that follows marks it paid. Prices are kept as
-- charged; a drug that is no longer there or stopped goes to a person.
-- WBDH, the number of other systems, is unique here: it carries our identity and keeps a second row out.
-- step department
-- expect 1 else department_gone
SELECT 1 FROM gy_ks WHERE ksdm = CAST(:department_code AS char(10)) AND coalesce(zfpb, 0) = 0;

-- step drug
-- each lines
-- expect 1 else price_gone
SELECT 1 FROM yp_xx
WHERE ypxh = CAST(:drug_code AS integer) AND coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0;

-- step key
-- expect 1 else key_table
-- returns central_key
UPDATE gy_xh SET dqz = dqz + 1 WHERE bm = 'CF_ZB' RETURNING dqz AS central_key;

-- step prescription
-- expect 1 else not_written
INSERT INTO cf_zb (cfxh, ghxh, brxh, cflb, zddm, ksdm, ysdm, yfdm, kfrq, je, zt, bz, yjbz, yjlsh, wbdh)
VALUES (
    CAST(:central_key AS integer), CAST(:registration_key AS integer), CAST(:patient_key AS integer),
    CASE :kind WHEN 'patent' THEN '2' WHEN 'herbal' THEN '3' ELSE '1' END,
    -- the #2, #3 … that mirror/diagnosis.sql gives to repeated codes are ours
    left(regexp_replace(coalesce(CAST(:diagnosis_codes AS varchar(400)), ''), '#[0-9]+', '', 'g'), 200),
    CAST(:department_code AS varchar(10)), CAST(:staff_code AS varchar(10)),
    CASE :kind WHEN 'herbal' THEN 'MZZYF' ELSE 'MZXYF' END, CAST(:occurred_at_char16 AS char(16)),
    CAST(:total AS numeric(14, 2)), '0', 'YJ ' || CAST(:operator_code AS varchar(10)), '1',
    CAST(:yj_no AS varchar(30)),
    CAST(:yj_id AS varchar(40)));

-- step line
-- each lines
-- expect 1 else not_written
INSERT INTO cf_mx (cfxh, xh, ypxh, ypmc, gg, dw, dj, sl, je, fylb, ycjl, jldw, yf, pl, ts, bz)
VALUES (
    CAST(:central_key AS integer), CAST(:line_no AS integer), CAST(:drug_code AS integer),
    left(CAST(:name AS varchar(200)), 120), left(CAST(:spec AS varchar(200)), 80), left(CAST(:unit AS varchar(20)), 8),
    CAST(:unit_price AS numeric(12, 4)), CAST(:quantity AS numeric(10, 2)), CAST(:amount AS numeric(14, 2)),
    CASE :receipt_category
            WHEN 'registration' THEN '13' WHEN 'consultation' THEN '02' WHEN 'examination' THEN '03'
            WHEN 'laboratory' THEN '04' WHEN 'treatment' THEN '05' WHEN 'surgery' THEN '06' WHEN 'material' THEN '08'
            WHEN 'western' THEN '09' WHEN 'herbal' THEN '10' WHEN 'patent' THEN '11' WHEN 'general' THEN '12'
            ELSE '14' END,
    left(CAST(:dose AS varchar(40)), 20), left(CAST(:dose_unit AS varchar(20)), 10), left(CAST(:usage AS varchar(40)), 20),
    left(CAST(:frequency AS varchar(40)), 20), CAST(:days AS integer), left(CAST(:note AS varchar(400)), 200));
