-- Is it there already?
SELECT CAST(ghxh AS char(20)) AS central_key FROM gh_mx WHERE yjlsh = :yj_no AND yjbz = '1'
