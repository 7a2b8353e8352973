-- A patient made at the standby becomes a row of BR_DA and, if a card was given out, of BR_KP. Exactly the same person is
-- linked before this runs (match_patient.sql); an id number that is there already goes to a person,
-- whose decision to create the patient all the same is bound as create_anyway.
-- step key
-- expect 1 else key_table
-- returns central_key
UPDATE gy_xh SET dqz = dqz + 1 OUTPUT inserted.dqz AS central_key WHERE bm = 'BR_DA';

-- step identity
-- when id_no present
-- when create_anyway absent
-- expect 1 else patient_exists
SELECT 1 AS found WHERE NOT EXISTS (
    SELECT 1 FROM br_da
    WHERE zjhm IN (CAST(:id_no AS varchar(40)), upper(CAST(:id_no AS varchar(40)))) AND coalesce(zfpb, 0) = 0);

-- step archive
-- expect 1 else not_written
INSERT INTO br_da (brxh, brxm, xb, csny, zjlx, zjhm, lxdh, dz, jhrxm, jhrdh, brxz, ybkh, ybqh, gms, jdrq, czydm, zfpb,
                   yjbz, yjlsh)
VALUES (
    CAST(:central_key AS int), CAST(:name AS nvarchar(60)),
    CASE CAST(:sex AS varchar(20)) WHEN 'M' THEN '1' WHEN 'F' THEN '2' ELSE '9' END,
    coalesce(CAST(:birth_date_char8 AS varchar(8)), '19000101')
        + CONVERT(char(8), CAST(coalesce(CAST(:birth_time AS varchar(8)), '00:00:00') AS time), 108),
    CAST(:id_type AS varchar(2)), CAST(:id_no AS varchar(40)), CAST(:phone AS varchar(40)), CAST(:address AS nvarchar(200)),
    CAST(:guardian_name AS nvarchar(60)), CAST(:guardian_phone AS varchar(40)), CAST(:insurance_type AS varchar(4)),
    CAST(:insurance_no AS varchar(40)), CAST(:insurance_area AS varchar(6)), CAST(:allergy AS nvarchar(200)),
    CAST(:occurred_at_char16 AS char(16)), CAST(:operator_code AS varchar(10)), 0, '1', CAST(:yj_no AS varchar(30)));

-- step card
-- when card_no present
-- expect 1 else card_exists
INSERT INTO br_kp (kh, klx, brxh, ztbz)
SELECT CAST(:card_no AS varchar(20)), '01', CAST(:central_key AS int), '0'
WHERE NOT EXISTS (
    SELECT 1 FROM br_kp WITH (UPDLOCK, HOLDLOCK) WHERE kh = CAST(:card_no AS char(20)) AND klx = '01');
