-- Prescriptions of the centre that were written, paid or dispensed between the last mirror and now.
SELECT CAST(c.cfxh AS char(20)) AS central_key,
       CAST(c.brxh AS char(20)) AS patient_no,
       CAST(c.ghxh AS char(20)) AS registration_key,
       concat(substr(c.kfrq, 1, 4), '-', substr(c.kfrq, 5, 2), '-', substr(c.kfrq, 7, 2), ' ', substr(c.kfrq, 9, 8)) AS occurred_at,
       c.je AS total,
       CASE coalesce(c.zt, '0') WHEN '0' THEN 'unpaid' WHEN '1' THEN 'paid' WHEN '2' THEN 'dispensed' WHEN '3' THEN 'refunded'
                                ELSE 'cancelled' END AS status,
       CAST(c.sfxh AS char(20)) AS charge_key
FROM cf_zb c
WHERE coalesce(c.yjbz, '0') <> '1'
  AND ((c.kfrq >= :since_char16 AND c.kfrq < :until_char16)
       OR (c.fyrq >= :since_char16 AND c.fyrq < :until_char16)
       OR c.sfxh IN (SELECT sfxh FROM sf_zb WHERE sfrq >= :since_char16 AND sfrq < :until_char16))
