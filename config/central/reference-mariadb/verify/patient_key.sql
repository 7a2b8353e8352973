-- Who has this key now, stopped archives included? Another name and another birth date mean that the key was handed out again.
SELECT CAST(brxh AS char(20)) AS patient_no, trim(brxm) AS name,
       CASE WHEN substr(csny, 1, 8) NOT IN ('19000101', '30000101') AND char_length(trim(csny)) >= 8
            THEN concat(substr(csny, 1, 4), '-', substr(csny, 5, 2), '-', substr(csny, 7, 2)) END AS birth_date
FROM br_da WHERE brxh = CAST(:key AS signed)
