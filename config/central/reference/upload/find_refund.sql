-- Is it there already?
SELECT CAST(sfxh AS varchar(20)) AS central_key FROM sf_zb WHERE yjlsh = CAST(:yj_no AS varchar(30)) AND yjbz = '1' AND tfxh IS NOT NULL
