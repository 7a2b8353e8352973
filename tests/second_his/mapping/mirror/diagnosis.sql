SELECT code AS diagnosis_code, title AS name, NULL AS input_code FROM icd
