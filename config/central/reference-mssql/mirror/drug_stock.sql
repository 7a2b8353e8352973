-- Stock per pharmacy.
SELECT ltrim(rtrim(yfdm)) AS pharmacy_code,
       CAST(ypxh AS varchar(20)) AS drug_code,
       coalesce(kcsl, 0) AS qty,
       CASE WHEN coalesce(tybz, '0') = '0' THEN 1 ELSE 0 END AS active
FROM yp_kc
