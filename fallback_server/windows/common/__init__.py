"""What every window page needs: log-in, the mode, master lists, heartbeats."""
