SELECT CAST(i.request_id AS text) AS order_key, i.pos AS line_no, 'S' || i.service_id AS item_code, i.title AS name, s.unit AS unit,
       CAST(i.fen_each / 100.0 AS text) AS unit_price, i.times AS quantity, CAST(i.fen / 100.0 AS text) AS amount,
       CAST(s.dept_id AS text) AS exec_department_code,
       CASE s.group_id WHEN 1 THEN 'examination' WHEN 2 THEN 'laboratory' WHEN 3 THEN 'treatment' ELSE 'other' END
           AS receipt_category
FROM request_item i
JOIN request q ON q.request_id = i.request_id
JOIN service s ON s.service_id = i.service_id
WHERE q.at >= CAST(strftime('%s', :horizon_from, '-8 hours') AS integer) AND q.state IN (10, 20, 30) AND q.source IS NULL
