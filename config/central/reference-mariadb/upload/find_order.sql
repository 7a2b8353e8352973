-- Is it there already?
SELECT CAST(sqxh AS char(20)) AS central_key FROM yj_sq WHERE yjlsh = :yj_no AND yjbz = '1'
