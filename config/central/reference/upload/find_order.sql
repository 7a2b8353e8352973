-- Is it there already?
SELECT CAST(sqxh AS varchar(20)) AS central_key FROM yj_sq WHERE yjlsh = CAST(:yj_no AS varchar(30)) AND yjbz = '1'
