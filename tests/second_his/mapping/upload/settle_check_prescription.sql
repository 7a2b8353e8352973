SELECT CASE state WHEN 10 THEN 'unpaid' WHEN 20 THEN 'paid' WHEN 30 THEN 'dispensed' WHEN 40 THEN 'refunded' ELSE 'cancelled' END
           AS status,
       CAST(fen / 100.0 AS text) AS amount
FROM script WHERE script_id = CAST(:key AS integer)
