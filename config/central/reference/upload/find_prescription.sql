-- Is it there already?
SELECT CAST(cfxh AS varchar(20)) AS central_key FROM cf_zb WHERE yjlsh = CAST(:yj_no AS varchar(30)) AND yjbz = '1'
