-- Drugs. The drug code (YPDM) is not unique here, the row number is the key.
SELECT CAST(ypxh AS char(20)) AS drug_code,
       trim(ypmc) AS name,
       nullif(trim(spm), '') AS trade_name,
       coalesce(nullif(trim(gg), ''), '-') AS spec,
       nullif(trim(jx), '') AS dosage_form,
       nullif(trim(hl), '') AS strength,
       CAST(NULL AS char(10)) AS strength_unit,
       coalesce(nullif(trim(dw), ''), '份') AS unit,
       nullif(trim(zxdw), '') AS min_unit,
       bzsl AS pack_qty,
       lsj AS unit_price,
       nullif(trim(cj), '') AS manufacturer,
       CASE lb WHEN '2' THEN 'patent' WHEN '3' THEN 'herbal' ELSE 'western' END AS category,
       CASE yblb WHEN '1' THEN 'A' WHEN '2' THEN 'B' WHEN '3' THEN 'C' END AS insurance_class,
       nullif(trim(ybbm), '') AS insurance_code,
       nullif(trim(pzwh), '') AS approval_no,
       CASE gzfl WHEN '1' THEN 'narcotic' WHEN '2' THEN 'psychotropic1' WHEN '3' THEN 'psychotropic2'
                 WHEN '4' THEN 'toxic' END AS control_class,
       CASE WHEN psbz = '1' THEN 1 ELSE 0 END AS skin_test,
       nullif(trim(pym), '') AS input_code,
       CASE WHEN coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0 THEN 1 ELSE 0 END AS active
FROM yp_xx
