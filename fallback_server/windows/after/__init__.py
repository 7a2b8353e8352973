"""After the return: what each window still has to do in the HIS."""
