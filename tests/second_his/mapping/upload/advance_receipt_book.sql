UPDATE paper_roll SET next_no = CAST(:next_no AS integer)
WHERE login = CAST(:operator_code AS text) AND series = CAST(:prefix AS text)
  AND CAST(:next_no AS integer) BETWEEN next_no + 1 AND last_no + 1
