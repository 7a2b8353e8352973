SELECT CAST(dept_id AS text) AS pharmacy_code, CAST(drug_id AS text) AS drug_code, packs AS qty, 1 AS active FROM stock
