SELECT CAST(i.bill_id AS text) AS charge_key, i.thing_code AS item_code,
       CASE i.group_id WHEN 1 THEN 'examination' WHEN 2 THEN 'laboratory' WHEN 3 THEN 'treatment' WHEN 4 THEN 'western'
                       WHEN 5 THEN 'patent' WHEN 6 THEN 'herbal' WHEN 7 THEN 'registration' WHEN 8 THEN 'consultation'
                       ELSE 'other' END AS receipt_category,
       i.times AS quantity, CAST(i.fen_each / 100.0 AS text) AS unit_price, CAST(i.fen / 100.0 AS text) AS amount
FROM bill_item i JOIN bill b ON b.bill_id = i.bill_id
WHERE b.source = 'YJ' AND b.at >= CAST(strftime('%s', :since) AS integer) AND b.at < CAST(strftime('%s', :until) AS integer)
