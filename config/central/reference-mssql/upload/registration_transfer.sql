-- A registration moved to another department (转科).
-- step department
-- expect 1 else department_gone
SELECT 1 AS found FROM gy_ks WHERE ksdm = CAST(:department_code AS char(10)) AND coalesce(zfpb, 0) = 0;

-- step there
-- expect 1 else registration_changed
-- returns central_key
SELECT ghxh AS central_key FROM gh_mx WITH (UPDLOCK, ROWLOCK)
WHERE ghxh = CAST(:registration_key AS int) AND coalesce(zt, '0') <> '9';

-- step transfer
-- expect 1 else registration_changed
UPDATE gh_mx SET ksdm = CAST(:department_code AS varchar(10)), ysdm = CAST(:staff_code AS varchar(10)),
       bz = right(coalesce(bz + ' / ', '') + N'YJ转科 ' + CAST(:yj_no AS varchar(30)), 200)
WHERE ghxh = CAST(:registration_key AS int);
