SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now') AS server_time, 'SQLite ' || sqlite_version() AS version
