-- A registration becomes a row of GH_MX; its fee comes as a charge of its own. A schedule sold out or taken back meanwhile
-- does not stop it: the patient has been seen.
-- step patient
-- expect 1 else patient_gone
SELECT 1 AS found FROM br_da WHERE brxh = CAST(:patient_key AS int) AND coalesce(zfpb, 0) = 0;

-- step department
-- expect 1 else department_gone
SELECT 1 AS found FROM gy_ks WHERE ksdm = CAST(:department_code AS char(10)) AND coalesce(zfpb, 0) = 0;

-- step key
-- expect 1 else key_table
-- returns central_key
UPDATE gy_xh SET dqz = dqz + 1 OUTPUT inserted.dqz AS central_key WHERE bm = 'GH_MX';

-- step registration
-- expect 1 else not_written
INSERT INTO gh_mx (ghxh, brxh, brxm, ghrq, ghlb, ksdm, ysdm, pbxh, sjd, jzxh, zt, jzbz, fzjb, tz, zje, yxrq, czydm, lsh,
                   yjbz, yjlsh)
SELECT
    CAST(:central_key AS int), CAST(:patient_key AS int), CAST(:patient_name AS nvarchar(60)),
    CAST(:occurred_at_char16 AS char(16)), CAST(:type_code AS varchar(10)), CAST(:department_code AS varchar(10)),
    CAST(:staff_code AS varchar(10)), CAST(:schedule_id AS int),
    CASE CAST(:session AS varchar(20)) WHEN 'am' THEN '1' WHEN 'pm' THEN '2' ELSE '3' END, CAST(:queue_no AS int), '0',
    CASE CAST(:visit_kind AS varchar(20)) WHEN 'emergency' THEN '1' ELSE '0' END, left(CAST(:triage_level AS varchar(10)), 1),
    CAST(:weight_kg AS numeric(6, 2)), CAST(:total AS numeric(14, 2)),
    CONVERT(char(8), DATEADD(day, coalesce((SELECT yxts FROM gh_lb WHERE lbdm = CAST(:type_code AS char(10))), 1) - 1,
                             CAST(:business_date AS date)), 112),
    CAST(:operator_code AS varchar(10)), CAST(:yj_no AS varchar(30)), '1', CAST(:yj_no AS varchar(30));

-- step schedule
-- when schedule_id present
UPDATE gh_pb SET yghs = coalesce(yghs, 0) + 1 WHERE pbxh = CAST(:schedule_id AS int);
