-- A prescription taken back before it was paid (撤销处方). One paid at the centre meanwhile goes to a person.
-- step there
-- expect 1 else prescription_changed
-- returns central_key
SELECT cfxh AS central_key FROM cf_zb
WHERE cfxh = CAST(:prescription_key AS integer) AND coalesce(zt, '0') <> '9';

-- step cancel
-- expect 1 else prescription_already_paid
UPDATE cf_zb SET zt = '9',
       bz = substr(coalesce(bz || ' / ', '') || 'YJ作废 ' || CAST(:yj_no AS varchar(30)) || ' '
                  || substr(coalesce(CAST(:reason AS varchar(200)), ''), 1, 80), -200)
WHERE cfxh = CAST(:prescription_key AS integer) AND coalesce(zt, '0') = '0';
