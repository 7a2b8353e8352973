SELECT login AS operator_code, series AS prefix, first_no AS start_no, last_no AS end_no, next_no FROM paper_roll
WHERE next_no <= last_no
