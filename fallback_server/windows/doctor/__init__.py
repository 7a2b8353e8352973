"""The doctor window."""
