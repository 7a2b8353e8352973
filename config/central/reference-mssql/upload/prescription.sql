-- A prescription of the standby becomes CF_ZB and CF_MX, unpaid; the charge that follows marks it paid. Prices are kept as
-- charged; a drug that is no longer there or stopped goes to a person.
-- step department
-- expect 1 else department_gone
SELECT 1 AS found FROM gy_ks WHERE ksdm = CAST(:department_code AS char(10)) AND coalesce(zfpb, 0) = 0;

-- step drug
-- each lines
-- expect 1 else price_gone
SELECT 1 AS found FROM yp_xx
WHERE ypxh = CAST(:drug_code AS int) AND coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0;

-- step key
-- expect 1 else key_table
-- returns central_key
UPDATE gy_xh SET dqz = dqz + 1 OUTPUT inserted.dqz AS central_key WHERE bm = 'CF_ZB';

-- step diagnoses
-- returns diagnosis_plain
-- the #2, #3 … that mirror/diagnosis.sql gives to repeated codes are ours and go, one with every turn
WITH plain (codes) AS (
    SELECT CAST(coalesce(CAST(:diagnosis_codes AS varchar(400)), '') AS varchar(400))
    UNION ALL
    SELECT CAST(stuff(codes, charindex('#', codes),
                      patindex('%[^0-9]%', substring(codes, charindex('#', codes) + 1, 400) + ','), '') AS varchar(400))
    FROM plain WHERE charindex('#', codes) > 0)
SELECT codes AS diagnosis_plain FROM plain WHERE charindex('#', codes) = 0;

-- step prescription
-- expect 1 else not_written
INSERT INTO cf_zb (cfxh, ghxh, brxh, cflb, zddm, ksdm, ysdm, yfdm, kfrq, je, zt, bz, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS int), CAST(:registration_key AS int), CAST(:patient_key AS int),
    CASE CAST(:kind AS varchar(20)) WHEN 'patent' THEN '2' WHEN 'herbal' THEN '3' ELSE '1' END,
    left(CAST(:diagnosis_plain AS varchar(400)), 200),
    CAST(:department_code AS varchar(10)), CAST(:staff_code AS varchar(10)),
    CASE CAST(:kind AS varchar(20)) WHEN 'herbal' THEN 'MZZYF' ELSE 'MZXYF' END, CAST(:occurred_at_char16 AS char(16)),
    CAST(:total AS numeric(14, 2)), '0', 'YJ ' + CAST(:operator_code AS varchar(10)), '1',
    CAST(:yj_no AS varchar(30)));

-- step line
-- each lines
-- expect 1 else not_written
INSERT INTO cf_mx (cfxh, xh, ypxh, ypmc, gg, dw, dj, sl, je, fylb, ycjl, jldw, yf, pl, ts, bz)
VALUES (
    CAST(:central_key AS int), CAST(:line_no AS int), CAST(:drug_code AS int),
    left(CAST(:name AS nvarchar(200)), 120), left(CAST(:spec AS nvarchar(200)), 80), left(CAST(:unit AS nvarchar(20)), 8),
    CAST(:unit_price AS numeric(12, 4)), CAST(:quantity AS numeric(10, 2)), CAST(:amount AS numeric(14, 2)),
    CASE CAST(:receipt_category AS varchar(20))
            WHEN 'registration' THEN '13' WHEN 'consultation' THEN '02' WHEN 'examination' THEN '03'
            WHEN 'laboratory' THEN '04' WHEN 'treatment' THEN '05' WHEN 'surgery' THEN '06' WHEN 'material' THEN '08'
            WHEN 'western' THEN '09' WHEN 'herbal' THEN '10' WHEN 'patent' THEN '11' WHEN 'general' THEN '12'
            ELSE '14' END,
    left(CAST(:dose AS nvarchar(40)), 20), left(CAST(:dose_unit AS nvarchar(20)), 10), left(CAST(:usage AS varchar(40)), 20),
    left(CAST(:frequency AS varchar(40)), 20), CAST(:days AS int), left(CAST(:note AS nvarchar(400)), 200));
