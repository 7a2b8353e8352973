-- A registration becomes a row of GH_MX; its fee comes as a charge of its own. A schedule sold out or taken back meanwhile
-- does not stop it: the patient has been seen.
-- step patient
-- expect 1 else patient_gone
SELECT 1 FROM br_da WHERE brxh = CAST(:patient_key AS signed) AND coalesce(zfpb, 0) = 0;

-- step department
-- expect 1 else department_gone
SELECT 1 FROM gy_ks WHERE ksdm = :department_code AND coalesce(zfpb, 0) = 0;

-- step key
-- expect 1 else key_table
UPDATE gy_xh SET dqz = dqz + 1 WHERE bm = 'GH_MX';

-- step key_taken
-- expect 1 else key_table
-- returns central_key
SELECT dqz AS central_key FROM gy_xh WHERE bm = 'GH_MX';

-- step registration
-- expect 1 else not_written
INSERT INTO gh_mx (ghxh, brxh, brxm, ghrq, ghlb, ksdm, ysdm, pbxh, sjd, jzxh, zt, jzbz, fzjb, tz, zje, yxrq, czydm, lsh,
                   yjbz, yjlsh)
VALUES (
    CAST(:central_key AS signed), CAST(:patient_key AS signed), :patient_name,
    :occurred_at_char16, :type_code, :department_code,
    :staff_code, CAST(:schedule_id AS signed),
    CASE :session WHEN 'am' THEN '1' WHEN 'pm' THEN '2' ELSE '3' END, CAST(:queue_no AS signed), '0',
    CASE :visit_kind WHEN 'emergency' THEN '1' ELSE '0' END, left(:triage_level, 1),
    CAST(:weight_kg AS decimal(6, 2)), CAST(:total AS decimal(14, 2)),
    coalesce(
        (SELECT date_format(date_add(CAST(:business_date AS date), INTERVAL coalesce(yxts, 1) - 1 DAY), '%Y%m%d') FROM gh_lb
         WHERE lbdm = :type_code),
        date_format(CAST(:business_date AS date), '%Y%m%d')),
    :operator_code, :yj_no, '1', :yj_no);

-- step schedule
-- when schedule_id present
UPDATE gh_pb SET yghs = coalesce(yghs, 0) + 1 WHERE pbxh = CAST(:schedule_id AS signed);
