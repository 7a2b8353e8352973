-- The column input_code is gone here, on purpose.
SELECT code AS diagnosis_code, name FROM dept
