-- Stock per pharmacy.
SELECT trim(yfdm) AS pharmacy_code,
       CAST(ypxh AS varchar(20)) AS drug_code,
       CAST(coalesce(kcsl, 0) AS varchar(20)) AS qty,
       CASE WHEN coalesce(tybz, '0') = '0' THEN 1 ELSE 0 END AS active
FROM yp_kc
