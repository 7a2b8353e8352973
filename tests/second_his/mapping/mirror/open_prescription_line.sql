SELECT CAST(i.script_id AS text) AS prescription_key, i.pos AS line_no, CAST(i.drug_id AS text) AS drug_code, i.title AS name,
       NULL AS spec, d.unit AS unit, CAST(i.fen_each / 100.0 AS text) AS unit_price, i.packs AS quantity,
       CAST(i.fen / 100.0 AS text) AS amount, i.dose AS dose, i.dose_unit AS dose_unit, r.code AS usage, f.code AS frequency,
       i.days AS days, NULL AS note
FROM script_item i
JOIN script s ON s.script_id = i.script_id
JOIN drug d ON d.drug_id = i.drug_id
LEFT JOIN c_route r ON r.id = i.route_id
LEFT JOIN c_rhythm f ON f.id = i.rhythm_id
WHERE s.at >= CAST(strftime('%s', :horizon_from, '-8 hours') AS integer) AND s.state IN (10, 20, 30) AND s.source IS NULL
