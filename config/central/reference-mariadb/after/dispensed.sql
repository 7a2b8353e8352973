-- Has the drug been dispensed here? Asked for each prescription whose drugs were handed over in the outage, until it has.
SELECT CASE coalesce(zt, '0') WHEN '2' THEN 'dispensed' WHEN '3' THEN 'void' WHEN '9' THEN 'void' ELSE 'open' END AS status,
       fyrq AS dispensed_at, fyczy AS dispensed_by
FROM cf_zb WHERE cfxh = CAST(:prescription_key AS signed)
