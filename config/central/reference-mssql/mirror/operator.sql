-- Operators that have at least one role with us; the house's technicians have none.
SELECT ltrim(rtrim(o.czydm)) AS operator_code,
       ltrim(rtrim(o.czyxm)) AS name,
       r.roles,
       nullif(ltrim(rtrim(o.rydm)), '') AS staff_code,
       nullif(ltrim(rtrim(o.ksdm)), '') AS department_code,
       nullif(ltrim(rtrim(o.mm)), '') AS password_hash,
       nullif(ltrim(rtrim(o.mmlb)), '') AS password_scheme,
       CASE WHEN coalesce(o.zfpb, 0) = 0 THEN 1 ELSE 0 END AS active
FROM gy_czy o
-- This version has no aggregate of text: the roles are joined through XML.
CROSS APPLY (
    SELECT stuff((
        SELECT ',' + role
        FROM (SELECT CASE ltrim(rtrim(j.jsdm))
                         WHEN 'GHY' THEN 'registrar' WHEN 'SFY' THEN 'cashier' WHEN 'YS' THEN 'doctor'
                         WHEN 'YFY' THEN 'pharmacist' WHEN 'FZHS' THEN 'triage' WHEN 'CWZG' THEN 'supervisor'
                         WHEN 'ZZB' THEN 'duty' WHEN 'SJY' THEN 'auditor' WHEN 'XXK' THEN 'admin' END AS role
              FROM gy_czyjs j WHERE j.czydm = o.czydm) t
        WHERE role IS NOT NULL
        ORDER BY role
        FOR XML PATH('')), 1, 1, '') AS roles) r
WHERE r.roles IS NOT NULL
