-- A prescription of the standby becomes CF_ZB and CF_MX, unpaid; the charge that follows marks it paid. Prices are kept as
-- charged; a drug that is no longer there or stopped goes to a person.
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

-- step diagnoses
-- returns diagnosis_plain
-- the #2, #3 … that mirror/diagnosis.sql gives to repeated codes are ours and go, one with every turn
WITH RECURSIVE plain (codes) AS (
    SELECT coalesce(CAST(:diagnosis_codes AS varchar(400)), '')
    UNION ALL
    SELECT substr(codes, 1, instr(codes, '#') - 1) || ltrim(substr(codes, instr(codes, '#') + 1), '0123456789')
    FROM plain WHERE instr(codes, '#') > 0)
SELECT codes AS diagnosis_plain FROM plain WHERE instr(codes, '#') = 0;

-- step prescription
-- expect 1 else not_written
INSERT INTO cf_zb (cfxh, ghxh, brxh, cflb, zddm, ksdm, ysdm, yfdm, kfrq, je, zt, bz, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS integer), CAST(:registration_key AS integer), CAST(:patient_key AS integer),
    CASE :kind WHEN 'patent' THEN '2' WHEN 'herbal' THEN '3' ELSE '1' END,
    substr(CAST(:diagnosis_plain AS varchar(400)), 1, 200),
    CAST(:department_code AS varchar(10)), CAST(:staff_code AS varchar(10)),
    CASE :kind WHEN 'herbal' THEN 'MZZYF' ELSE 'MZXYF' END, CAST(:occurred_at_char16 AS char(16)),
    CAST(:total AS numeric(14, 2)), '0', 'YJ ' || CAST(:operator_code AS varchar(10)), '1',
    CAST(:yj_no AS varchar(30)));

-- step line
-- each lines
-- expect 1 else not_written
INSERT INTO cf_mx (cfxh, xh, ypxh, ypmc, gg, dw, dj, sl, je, fylb, ycjl, jldw, yf, pl, ts, bz)
VALUES (
    CAST(:central_key AS integer), CAST(:line_no AS integer), CAST(:drug_code AS integer),
    substr(CAST(:name AS varchar(200)), 1, 120), substr(CAST(:spec AS varchar(200)), 1, 80), substr(CAST(:unit AS varchar(20)), 1, 8),
    CAST(:unit_price AS numeric(12, 4)), CAST(:quantity AS numeric(10, 2)), CAST(:amount AS numeric(14, 2)),
    CASE :receipt_category
            WHEN 'registration' THEN '13' WHEN 'consultation' THEN '02' WHEN 'examination' THEN '03'
            WHEN 'laboratory' THEN '04' WHEN 'treatment' THEN '05' WHEN 'surgery' THEN '06' WHEN 'material' THEN '08'
            WHEN 'western' THEN '09' WHEN 'herbal' THEN '10' WHEN 'patent' THEN '11' WHEN 'general' THEN '12'
            ELSE '14' END,
    substr(CAST(:dose AS varchar(40)), 1, 20), substr(CAST(:dose_unit AS varchar(20)), 1, 10), substr(CAST(:usage AS varchar(40)), 1, 20),
    substr(CAST(:frequency AS varchar(40)), 1, 20), CAST(:days AS integer), substr(CAST(:note AS varchar(400)), 1, 200));
