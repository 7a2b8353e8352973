-- The greatest keys now: below those of the last mirror means that the centre came back from a backup.
SELECT 'patient' AS dataset, CAST(max(brxh) AS varchar(20)) AS greatest_key FROM br_da
UNION ALL
SELECT 'open_registration', CAST(max(ghxh) AS varchar(20)) FROM gh_mx
UNION ALL
SELECT 'open_prescription', CAST(max(cfxh) AS varchar(20)) FROM cf_zb
UNION ALL
SELECT 'open_order', CAST(max(sqxh) AS varchar(20)) FROM yj_sq
