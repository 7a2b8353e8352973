-- A registration given back (退号): state 9 and the place in the schedule is free again. One seen or cancelled at the centre
-- meanwhile goes to a person.
-- step there
-- expect 1 else registration_changed
-- returns central_key
SELECT ghxh AS central_key FROM gh_mx
WHERE ghxh = CAST(:registration_key AS integer) AND coalesce(zt, '0') <> '9';

-- step cancel
-- expect 1 else registration_changed
UPDATE gh_mx SET zt = '9', thrq = CAST(:occurred_at_char16 AS char(16)),
       bz = substr(coalesce(bz || ' / ', '') || 'YJ退号 ' || CAST(:yj_no AS varchar(30)) || ' '
                  || substr(coalesce(CAST(:reason AS varchar(200)), ''), 1, 80), -200)
WHERE ghxh = CAST(:registration_key AS integer) AND coalesce(zt, '0') IN ('0', '1');

-- step schedule
UPDATE gh_pb SET yghs = max(coalesce(yghs, 0) - 1, 0)
WHERE pbxh = (SELECT pbxh FROM gh_mx WHERE ghxh = CAST(:registration_key AS integer));
