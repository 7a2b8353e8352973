"""The billing window."""
