-- Is it there already? One event may have voided several numbers.
SELECT DISTINCT CAST(zfxh AS char(20)) AS central_key FROM pj_zf WHERE yjlsh = :yj_no
