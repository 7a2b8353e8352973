SELECT CAST(employee_id AS text) AS staff_code, family_name || given_name AS name, job AS title,
       CAST(dept_id AS text) AS department_code, NULL AS insurance_code, rights & 1 AS may_prescribe,
       (rights & 2) / 2 AS may_prescribe_controlled, CASE WHEN left_on IS NULL THEN 1 ELSE 0 END AS active
FROM employee
