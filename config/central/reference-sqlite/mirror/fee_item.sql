-- Fee items. The house's sixteen fee categories become the twelve of the national receipt: beds go to other, nursing, oxygen
-- and blood to treatment, anaesthesia to surgery.
SELECT trim(xmdm) AS item_code,
       trim(xmmc) AS name,
       coalesce(nullif(trim(dw), ''), '次') AS unit,
       CAST(dj AS varchar(20)) AS unit_price,
       CASE trim(fylb)
           WHEN '02' THEN 'consultation' WHEN '03' THEN 'examination' WHEN '04' THEN 'laboratory'
           WHEN '05' THEN 'treatment' WHEN '07' THEN 'treatment' WHEN '1411' THEN 'treatment' WHEN '1412' THEN 'treatment'
           WHEN '06' THEN 'surgery' WHEN '1413' THEN 'surgery' WHEN '08' THEN 'material' WHEN '09' THEN 'western'
           WHEN '10' THEN 'herbal' WHEN '11' THEN 'patent' WHEN '12' THEN 'general' WHEN '13' THEN 'registration'
           ELSE 'other' END AS receipt_category,
       nullif(trim(zxks), '') AS exec_department_code,
       CASE yblb WHEN '1' THEN 'A' WHEN '2' THEN 'B' WHEN '3' THEN 'C' END AS insurance_class,
       nullif(trim(ybbm), '') AS insurance_code,
       nullif(trim(pym), '') AS input_code,
       CASE WHEN coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0 AND coalesce(mzbz, '1') = '1'
            THEN 1 ELSE 0 END AS active
FROM sf_xm
