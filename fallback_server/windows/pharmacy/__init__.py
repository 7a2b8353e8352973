"""The pharmacy window."""
