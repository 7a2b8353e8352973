"""The emergency console: the switch, the mirror, incidents, the return, the account."""
