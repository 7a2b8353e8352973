-- Is it there already?
SELECT CAST(sfxh AS char(20)) AS central_key FROM sf_zb WHERE yjlsh = :yj_no AND yjbz = '1' AND tfxh IS NULL
