SELECT 'usage' AS dict, code, title AS name, short AS extra FROM c_route
UNION ALL SELECT 'frequency', code, title, CAST(per_day AS text) FROM c_rhythm
UNION ALL SELECT 'insurance_type', code, title, NULL FROM c_payer
UNION ALL SELECT 'id_type', code, title, NULL FROM c_paper
UNION ALL SELECT 'card_type', code, title, NULL FROM c_card
