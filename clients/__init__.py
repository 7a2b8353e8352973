"""What a window PC or an administrator runs: the typed HTTP client, the `yj` command, the pages."""
