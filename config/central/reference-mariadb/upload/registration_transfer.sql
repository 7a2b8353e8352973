-- A registration moved to another department (转科).
-- step department
-- expect 1 else department_gone
SELECT 1 FROM gy_ks WHERE ksdm = :department_code AND coalesce(zfpb, 0) = 0;

-- step there
-- expect 1 else registration_changed
-- returns central_key
SELECT ghxh AS central_key FROM gh_mx
WHERE ghxh = CAST(:registration_key AS signed) AND coalesce(zt, '0') <> '9' FOR UPDATE;

-- step transfer
-- expect 1 else registration_changed
UPDATE gh_mx SET ksdm = :department_code, ysdm = :staff_code,
       bz = right(concat(coalesce(concat(bz, ' / '), ''), 'YJ转科 ', :yj_no), 200)
WHERE ghxh = CAST(:registration_key AS signed);
