-- A registration given back (退号): state 9 and the place in the schedule is free again. One seen or cancelled at the centre
-- meanwhile goes to a person.
-- step there
-- expect 1 else registration_changed
-- returns central_key
SELECT ghxh AS central_key FROM gh_mx
WHERE ghxh = CAST(:registration_key AS signed) AND coalesce(zt, '0') <> '9' FOR UPDATE;

-- step cancel
-- expect 1 else registration_changed
UPDATE gh_mx SET zt = '9', thrq = :occurred_at_char16,
       bz = right(concat(coalesce(concat(bz, ' / '), ''), 'YJ退号 ', :yj_no, ' ', left(coalesce(:reason, ''), 80)), 200)
WHERE ghxh = CAST(:registration_key AS signed) AND coalesce(zt, '0') IN ('0', '1');

-- step schedule
UPDATE gh_pb SET yghs = greatest(coalesce(yghs, 0) - 1, 0)
WHERE pbxh = (SELECT pbxh FROM gh_mx WHERE ghxh = CAST(:registration_key AS signed));
