"""What the standby keeps: tables by subject, and the one place that commits (session.py)."""
