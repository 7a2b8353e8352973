-- A registration given back (退号): state 9 and the place in the schedule is free again. One seen or cancelled at the centre
-- meanwhile goes to a person.
-- P_JK_SH takes our identity and refuses it twice; there is no new key.
-- step take
-- code 0 ok, 1 repeated, 5 busy, else key_table
-- returns code
CALL p_jk_sh(CAST(:yj_id AS varchar), 'registration_cancel', NULL, NULL, NULL);

-- step there
-- expect 1 else registration_changed
-- returns central_key
SELECT ghxh AS central_key FROM gh_mx
WHERE ghxh = CAST(:registration_key AS integer) AND coalesce(zt, '0') <> '9' FOR UPDATE;

-- step cancel
-- expect 1 else registration_changed
UPDATE gh_mx SET zt = '9', thrq = CAST(:occurred_at_char16 AS char(16)),
       bz = right(coalesce(bz || ' / ', '') || 'YJ退号 ' || CAST(:yj_no AS varchar(30)) || ' '
                  || left(coalesce(CAST(:reason AS varchar(200)), ''), 80), 200)
WHERE ghxh = CAST(:registration_key AS integer) AND coalesce(zt, '0') IN ('0', '1');

-- step schedule
UPDATE gh_pb SET yghs = greatest(coalesce(yghs, 0) - 1, 0)
WHERE pbxh = (SELECT pbxh FROM gh_mx WHERE ghxh = CAST(:registration_key AS integer));
