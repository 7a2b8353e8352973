-- Is it there? WBDH is unique: one row or none.
SELECT CAST(ghxh AS varchar(20)) AS central_key, wbdh AS yj_id
FROM gh_mx WHERE wbdh = CAST(:yj_id AS varchar(40))
