-- Is it there already?
SELECT CAST(brxh AS varchar(20)) AS central_key FROM br_da WHERE yjlsh = CAST(:yj_no AS varchar(30)) AND yjbz = '1'
