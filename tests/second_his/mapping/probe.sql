SELECT strftime('%Y-%m-%d %H:%M:%f', 'now', '+8 hours') AS server_time, 'Kanghe on SQLite ' || sqlite_version() AS version
