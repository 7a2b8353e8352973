UPDATE book SET next_no = CAST(:next_no AS integer) WHERE operator = :operator_code AND next_no < CAST(:next_no AS integer)
