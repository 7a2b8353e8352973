-- A patient made at the standby becomes a row of BR_DA and, if a card was given out, of BR_KP. Exactly the same person is
-- linked before this runs (match_patient.sql); an id number that is there already goes to a person,
-- whose decision to create the patient all the same is bound as create_anyway.
-- step key
-- expect 1 else key_table
UPDATE gy_xh SET dqz = dqz + 1 WHERE bm = 'BR_DA';

-- step key_taken
-- expect 1 else key_table
-- returns central_key
SELECT dqz AS central_key FROM gy_xh WHERE bm = 'BR_DA';

-- step identity
-- when id_no present
-- when create_anyway absent
-- expect 1 else patient_exists
SELECT 1 WHERE NOT EXISTS (
    SELECT 1 FROM br_da
    WHERE zjhm IN (:id_no, upper(:id_no)) AND coalesce(zfpb, 0) = 0);

-- step archive
-- expect 1 else not_written
INSERT INTO br_da (brxh, brxm, xb, csny, zjlx, zjhm, lxdh, dz, jhrxm, jhrdh, brxz, ybkh, ybqh, gms, jdrq, czydm, zfpb,
                   yjbz, yjlsh)
VALUES (
    CAST(:central_key AS signed), :name,
    CASE :sex WHEN 'M' THEN '1' WHEN 'F' THEN '2' ELSE '9' END,
    concat(coalesce(:birth_date_char8, '19000101'),
           time_format(CAST(coalesce(:birth_time, '00:00:00') AS time), '%H:%i:%s')),
    :id_type, :id_no, :phone, :address,
    :guardian_name, :guardian_phone, :insurance_type,
    :insurance_no, :insurance_area, :allergy,
    :occurred_at_char16, :operator_code, 0, '1', :yj_no);

-- step card
-- when card_no present
-- expect 1 else card_exists
INSERT INTO br_kp (kh, klx, brxh, ztbz)
SELECT :card_no, '01', CAST(:central_key AS signed), '0' FROM dual
WHERE NOT EXISTS (SELECT 1 FROM br_kp WHERE kh = :card_no AND klx = '01');
