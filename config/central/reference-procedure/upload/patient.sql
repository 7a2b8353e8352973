-- A patient made at the standby becomes a row of BR_DA and, if a card was given out, of BR_KP. Exactly the same person is
-- linked before this runs (match_patient.sql); an id number that is there already goes to a person,
-- whose decision to create the patient all the same is bound as create_anyway.

-- P_JK_SH takes our identity before anything else, refuses it twice, and gives the key.
-- step take
-- code 0 ok, 1 repeated, 5 busy, else key_table
-- returns code, central_key
CALL p_jk_sh(CAST(:yj_id AS varchar), 'patient', 'BR_DA', NULL, NULL);

-- step identity
-- when id_no present
-- when create_anyway absent
-- expect 1 else patient_exists
SELECT 1 WHERE NOT EXISTS (
    SELECT 1 FROM br_da
    WHERE zjhm IN (CAST(:id_no AS varchar(40)), upper(CAST(:id_no AS varchar(40)))) AND coalesce(zfpb, 0) = 0);

-- step archive
-- expect 1 else not_written
INSERT INTO br_da (brxh, brxm, xb, csny, zjlx, zjhm, lxdh, dz, jhrxm, jhrdh, brxz, ybkh, ybqh, gms, jdrq, czydm, zfpb,
                   yjbz, yjlsh)
VALUES (
    CAST(:central_key AS integer), CAST(:name AS varchar(60)),
    CASE :sex WHEN 'M' THEN '1' WHEN 'F' THEN '2' ELSE '9' END,
    -- chr(58) is the colon; a colon in the text would read like a bind
    coalesce(CAST(:birth_date_char8 AS varchar(8)), '19000101')
        || replace(to_char(CAST(coalesce(CAST(:birth_time AS varchar(8)), '000000') AS time), 'HH24-MI-SS'), '-', chr(58)),
    CAST(:id_type AS varchar(2)), CAST(:id_no AS varchar(40)), CAST(:phone AS varchar(40)), CAST(:address AS varchar(200)),
    CAST(:guardian_name AS varchar(60)), CAST(:guardian_phone AS varchar(40)), CAST(:insurance_type AS varchar(4)),
    CAST(:insurance_no AS varchar(40)), CAST(:insurance_area AS varchar(6)), CAST(:allergy AS varchar(200)),
    CAST(:occurred_at_char16 AS char(16)), CAST(:operator_code AS varchar(10)), 0, '1', CAST(:yj_no AS varchar(30)));

-- step card
-- when card_no present
-- expect 1 else card_exists
INSERT INTO br_kp (kh, klx, brxh, ztbz)
VALUES (CAST(:card_no AS varchar(20)), '01', CAST(:central_key AS integer), '0')
ON CONFLICT DO NOTHING;
