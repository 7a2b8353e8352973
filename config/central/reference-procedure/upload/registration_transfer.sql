-- A registration moved to another department (转科).
-- P_JK_SH takes our identity and refuses it twice; there is no new key.
-- step take
-- code 0 ok, 1 repeated, 5 busy, else key_table
-- returns code
CALL p_jk_sh(CAST(:yj_id AS varchar), 'registration_transfer', NULL, NULL, NULL);

-- step department
-- expect 1 else department_gone
SELECT 1 FROM gy_ks WHERE ksdm = CAST(:department_code AS char(10)) AND coalesce(zfpb, 0) = 0;

-- step there
-- expect 1 else registration_changed
-- returns central_key
SELECT ghxh AS central_key FROM gh_mx
WHERE ghxh = CAST(:registration_key AS integer) AND coalesce(zt, '0') <> '9' FOR UPDATE;

-- step transfer
-- expect 1 else registration_changed
UPDATE gh_mx SET ksdm = CAST(:department_code AS varchar(10)), ysdm = CAST(:staff_code AS varchar(10)),
       bz = right(coalesce(bz || ' / ', '') || 'YJ转科 ' || CAST(:yj_no AS varchar(30)), 200)
WHERE ghxh = CAST(:registration_key AS integer);
