-- Is it there already?
SELECT CAST(brxh AS char(20)) AS central_key FROM br_da WHERE yjlsh = :yj_no AND yjbz = '1'
