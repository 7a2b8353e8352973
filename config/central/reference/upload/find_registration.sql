-- Is it there already?
SELECT CAST(ghxh AS varchar(20)) AS central_key FROM gh_mx WHERE yjlsh = CAST(:yj_no AS varchar(30)) AND yjbz = '1'
