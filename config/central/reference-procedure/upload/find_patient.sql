-- The vendor's own key table: was this taken, and which key was given?
SELECT CAST(zjz AS varchar(20)) AS central_key FROM jk_sh WHERE lsh = CAST(:yj_id AS varchar(40)) AND lb = 'patient'
