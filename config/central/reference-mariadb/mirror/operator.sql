-- Operators that have at least one role with us; the house's technicians have none.
SELECT trim(o.czydm) AS operator_code,
       trim(o.czyxm) AS name,
       r.roles,
       nullif(trim(o.rydm), '') AS staff_code,
       nullif(trim(o.ksdm), '') AS department_code,
       nullif(trim(o.mm), '') AS password_hash,
       nullif(trim(o.mmlb), '') AS password_scheme,
       CASE WHEN coalesce(o.zfpb, 0) = 0 THEN 1 ELSE 0 END AS active
FROM gy_czy o
JOIN (SELECT czydm, group_concat(role ORDER BY role SEPARATOR ',') AS roles
      FROM (SELECT czydm, CASE trim(jsdm) WHEN 'GHY' THEN 'registrar' WHEN 'SFY' THEN 'cashier' WHEN 'YS' THEN 'doctor'
                               WHEN 'YFY' THEN 'pharmacist' WHEN 'FZHS' THEN 'triage' WHEN 'CWZG' THEN 'supervisor'
                               WHEN 'ZZB' THEN 'duty' WHEN 'SJY' THEN 'auditor' WHEN 'XXK' THEN 'admin' END AS role
            FROM gy_czyjs) t
      WHERE role IS NOT NULL
      GROUP BY czydm) r ON r.czydm = o.czydm
