-- Is it there? WBDH is unique: one row or none.
SELECT CAST(sfxh AS varchar(20)) AS central_key, zje AS amount, wbdh AS yj_id
FROM sf_zb WHERE wbdh = CAST(:yj_id AS varchar(40))
