"""Migrations of the standby's own store; `upgrade` is what `yj init` and `yj up` call."""
