"""What every window's API shares: log-in, guards, parsing, the at-most-once wrapper, problem+json, health."""
