-- Is it there already? It has no row of its own: our number stands in the remark of the row it changed. No index on that:
-- it is asked only after an answer was lost.
SELECT CAST(cfxh AS char(20)) AS central_key FROM cf_zb WHERE position(:yj_no IN bz) > 0
