-- The greatest keys now: below those of the last mirror means that the centre came back from a backup.
SELECT 'patient' AS dataset, CAST(max(brxh) AS char(20)) AS greatest_key FROM br_da
UNION ALL
SELECT 'open_registration', CAST(max(ghxh) AS char(20)) FROM gh_mx
UNION ALL
SELECT 'open_prescription', CAST(max(cfxh) AS char(20)) FROM cf_zb
UNION ALL
SELECT 'open_order', CAST(max(sqxh) AS char(20)) FROM yj_sq
