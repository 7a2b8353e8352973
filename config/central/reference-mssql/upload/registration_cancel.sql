-- A registration given back (退号): state 9 and the place in the schedule is free again. One seen or cancelled at the centre
-- meanwhile goes to a person.
-- step there
-- expect 1 else registration_changed
-- returns central_key
SELECT ghxh AS central_key FROM gh_mx WITH (UPDLOCK, ROWLOCK)
WHERE ghxh = CAST(:registration_key AS int) AND coalesce(zt, '0') <> '9';

-- step cancel
-- expect 1 else registration_changed
UPDATE gh_mx SET zt = '9', thrq = CAST(:occurred_at_char16 AS char(16)),
       bz = right(coalesce(bz + ' / ', '') + N'YJ退号 ' + CAST(:yj_no AS varchar(30)) + ' '
                  + left(coalesce(CAST(:reason AS nvarchar(200)), ''), 80), 200)
WHERE ghxh = CAST(:registration_key AS int) AND coalesce(zt, '0') IN ('0', '1');

-- step schedule
UPDATE gh_pb SET yghs = CASE WHEN yghs > 0 THEN yghs - 1 ELSE 0 END
WHERE pbxh = (SELECT pbxh FROM gh_mx WHERE ghxh = CAST(:registration_key AS int));
