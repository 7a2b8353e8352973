-- Is it there already? It has no row of its own: our number stands in the remark of the row it changed. No index on that:
-- it is asked only after an answer was lost.
SELECT CAST(ghxh AS varchar(20)) AS central_key FROM gh_mx WHERE charindex(CAST(:yj_no AS varchar(30)), bz) > 0
