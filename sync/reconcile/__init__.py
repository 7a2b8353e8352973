"""Proof that both sides agree, computed from the centre's own tables, or the list of what differs and why."""
