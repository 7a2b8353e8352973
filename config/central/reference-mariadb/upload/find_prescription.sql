-- Is it there already?
SELECT CAST(cfxh AS char(20)) AS central_key FROM cf_zb WHERE yjlsh = :yj_no AND yjbz = '1'
