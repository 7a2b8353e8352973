"""The registration window."""
