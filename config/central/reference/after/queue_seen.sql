-- A visit that a doctor saw during the outage leaves the queue here too. One that moved on meanwhile stays as it is: no row
-- is changed then, and the nurse is told.
UPDATE gh_mx SET zt = '2' WHERE ghxh = CAST(:registration_key AS integer) AND coalesce(zt, '0') IN ('0', '1')
