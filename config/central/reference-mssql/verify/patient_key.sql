-- Who has this key now, stopped archives included? Another name and another birth date mean that the key was handed out again.
SELECT CAST(brxh AS varchar(20)) AS patient_no, ltrim(rtrim(brxm)) AS name,
       CASE WHEN substring(csny, 1, 8) NOT IN ('19000101', '30000101') AND len(ltrim(rtrim(csny))) >= 8
            THEN substring(csny, 1, 4) + '-' + substring(csny, 5, 2) + '-' + substring(csny, 7, 2) END AS birth_date
FROM br_da WHERE brxh = CAST(:key AS int)
