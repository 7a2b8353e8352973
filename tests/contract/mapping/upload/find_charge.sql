SELECT nr AS central_key, at FROM bill WHERE yj_no = :yj_no
