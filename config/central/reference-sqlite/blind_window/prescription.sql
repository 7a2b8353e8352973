-- Prescriptions of the centre that were written, paid or dispensed between the last mirror and now.
SELECT CAST(c.cfxh AS varchar(20)) AS central_key,
       CAST(c.brxh AS varchar(20)) AS patient_no,
       CAST(c.ghxh AS varchar(20)) AS registration_key,
       substr(c.kfrq, 1, 4) || '-' || substr(c.kfrq, 5, 2) || '-' || substr(c.kfrq, 7, 2) || ' '
           || substr(c.kfrq, 9, 8) AS occurred_at,
       CAST(c.je AS varchar(20)) AS total,
       CASE coalesce(c.zt, '0') WHEN '0' THEN 'unpaid' WHEN '1' THEN 'paid' WHEN '2' THEN 'dispensed' WHEN '3' THEN 'refunded'
                                ELSE 'cancelled' END AS status,
       CAST(c.sfxh AS varchar(20)) AS charge_key
FROM cf_zb c
WHERE coalesce(c.yjbz, '0') <> '1'
  AND ((c.kfrq >= CAST(:since_char16 AS char(16)) AND c.kfrq < CAST(:until_char16 AS char(16)))
       OR (c.fyrq >= CAST(:since_char16 AS char(16)) AND c.fyrq < CAST(:until_char16 AS char(16)))
       OR c.sfxh IN (SELECT sfxh FROM sf_zb WHERE sfrq >= CAST(:since_char16 AS char(16)) AND sfrq < CAST(:until_char16 AS char(16))))
