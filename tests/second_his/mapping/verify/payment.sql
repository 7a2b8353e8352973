SELECT CAST(p.bill_id AS text) AS charge_key, p.way AS method, CAST(p.fen / 100.0 AS text) AS amount
FROM bill_pay p JOIN bill b ON b.bill_id = p.bill_id
WHERE b.source = 'YJ' AND b.at >= CAST(strftime('%s', :since) AS integer) AND b.at < CAST(strftime('%s', :until) AS integer)
