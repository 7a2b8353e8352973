-- The price is the row of the history that is valid now.
SELECT CAST(d.drug_id AS text) AS drug_code, d.title AS name, d.brand AS trade_name, coalesce(d.pack, '-') AS spec,
       d.form AS dosage_form, NULL AS strength, NULL AS strength_unit, d.unit AS unit, NULL AS min_unit, NULL AS pack_qty,
       CAST(p.fen / 100.0 AS text) AS unit_price, d.maker AS manufacturer,
       CASE d.class WHEN 2 THEN 'patent' WHEN 3 THEN 'herbal' ELSE 'western' END AS category,
       NULL AS insurance_class, NULL AS insurance_code, NULL AS approval_no,
       CASE d.watched WHEN 1 THEN 'narcotic' END AS control_class, 0 AS skin_test, NULL AS input_code,
       CASE WHEN d.withdrawn_on IS NULL THEN 1 ELSE 0 END AS active
FROM drug d
JOIN price p ON p.thing = 'D' AND p.thing_id = d.drug_id
            AND p.valid_from <= CAST(strftime('%s', :now_at) AS integer)
            AND (p.valid_to IS NULL OR p.valid_to > CAST(strftime('%s', :now_at) AS integer))
