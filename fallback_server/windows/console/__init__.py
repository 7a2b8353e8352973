"""The console window."""
