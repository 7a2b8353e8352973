"""The triage window."""
