-- Is it there already? One event may have voided several numbers.
SELECT DISTINCT CAST(zfxh AS varchar(20)) AS central_key FROM pj_zf WHERE yjlsh = CAST(:yj_no AS varchar(30))
