SELECT 'S' || s.service_id AS item_code, s.title AS name, s.unit AS unit, CAST(p.fen / 100.0 AS text) AS unit_price,
       CASE s.group_id WHEN 1 THEN 'examination' WHEN 2 THEN 'laboratory' WHEN 3 THEN 'treatment' ELSE 'other' END
           AS receipt_category,
       CAST(s.dept_id AS text) AS exec_department_code, NULL AS insurance_class, NULL AS insurance_code, NULL AS input_code,
       CASE WHEN s.withdrawn_on IS NULL THEN 1 ELSE 0 END AS active
FROM service s
JOIN price p ON p.thing = 'S' AND p.thing_id = s.service_id
            AND p.valid_from <= CAST(strftime('%s', :now_at) AS integer)
            AND (p.valid_to IS NULL OR p.valid_to > CAST(strftime('%s', :now_at) AS integer))
