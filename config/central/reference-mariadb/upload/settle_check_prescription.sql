-- How does the centre's own row stand now?
SELECT CASE coalesce(zt, '0') WHEN '0' THEN 'unpaid' WHEN '1' THEN 'paid' WHEN '2' THEN 'dispensed'
                              WHEN '3' THEN 'refunded' ELSE 'cancelled' END AS status,
       je AS amount
FROM cf_zb WHERE cfxh = CAST(:key AS signed)
