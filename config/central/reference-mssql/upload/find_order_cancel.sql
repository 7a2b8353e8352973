-- Is it there already? It has no row of its own: our number stands in the remark of the row it changed. No index on that:
-- it is asked only after an answer was lost.
SELECT CAST(sqxh AS varchar(20)) AS central_key FROM yj_sq WHERE charindex(CAST(:yj_no AS varchar(30)), bz) > 0
