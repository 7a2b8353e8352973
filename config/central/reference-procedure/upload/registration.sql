-- A registration becomes a row of GH_MX; its fee comes as a charge of its own. A schedule sold out or taken back meanwhile
-- does not stop it: the patient has been seen.
-- P_JK_SH takes our identity before anything else, refuses it twice, and gives the key.
-- step take
-- code 0 ok, 1 repeated, 5 busy, else key_table
-- returns code, central_key
CALL p_jk_sh(CAST(:yj_id AS varchar), 'registration', 'GH_MX', NULL, NULL);

-- step patient
-- expect 1 else patient_gone
SELECT 1 FROM br_da WHERE brxh = CAST(:patient_key AS integer) AND coalesce(zfpb, 0) = 0;

-- step department
-- expect 1 else department_gone
SELECT 1 FROM gy_ks WHERE ksdm = CAST(:department_code AS char(10)) AND coalesce(zfpb, 0) = 0;

-- step registration
-- expect 1 else not_written
INSERT INTO gh_mx (ghxh, brxh, brxm, ghrq, ghlb, ksdm, ysdm, pbxh, sjd, jzxh, zt, jzbz, fzjb, tz, zje, yxrq, czydm, lsh,
                   yjbz, yjlsh)
VALUES (
    CAST(:central_key AS integer), CAST(:patient_key AS integer), CAST(:patient_name AS varchar(60)),
    CAST(:occurred_at_char16 AS char(16)), CAST(:type_code AS varchar(10)), CAST(:department_code AS varchar(10)),
    CAST(:staff_code AS varchar(10)), CAST(:schedule_id AS integer),
    CASE :session WHEN 'am' THEN '1' WHEN 'pm' THEN '2' ELSE '3' END, CAST(:queue_no AS integer), '0',
    CASE :visit_kind WHEN 'emergency' THEN '1' ELSE '0' END, left(CAST(:triage_level AS varchar(10)), 1),
    CAST(:weight_kg AS numeric(6, 2)), CAST(:total AS numeric(14, 2)),
    coalesce(
        (SELECT to_char(CAST(:business_date AS date) + coalesce(yxts, 1) - 1, 'YYYYMMDD') FROM gh_lb
         WHERE lbdm = CAST(:type_code AS char(10))),
        to_char(CAST(:business_date AS date), 'YYYYMMDD')),
    CAST(:operator_code AS varchar(10)), CAST(:yj_no AS varchar(30)), '1', CAST(:yj_no AS varchar(30)));

-- step schedule
-- when schedule_id present
UPDATE gh_pb SET yghs = coalesce(yghs, 0) + 1 WHERE pbxh = CAST(:schedule_id AS integer);
