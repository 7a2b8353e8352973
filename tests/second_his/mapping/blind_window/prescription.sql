SELECT CAST(script_id AS text) AS central_key, CAST(person_id AS text) AS patient_no, CAST(visit_id AS text) AS registration_key,
       datetime(at, 'unixepoch', '+8 hours') AS occurred_at, CAST(fen / 100.0 AS text) AS total,
       CASE state WHEN 10 THEN 'unpaid' WHEN 20 THEN 'paid' WHEN 30 THEN 'dispensed' WHEN 40 THEN 'refunded' ELSE 'cancelled' END
           AS status,
       CAST(bill_id AS text) AS charge_key
FROM script WHERE at >= CAST(strftime('%s', :since) AS integer) AND at < CAST(strftime('%s', :until) AS integer) AND source IS NULL
