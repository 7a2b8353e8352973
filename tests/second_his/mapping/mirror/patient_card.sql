SELECT c.tag AS card_no, k.code AS card_type, CAST(c.person_id AS text) AS patient_no, 1 - c.blocked AS active
FROM card c JOIN c_card k ON k.id = c.kind_id
