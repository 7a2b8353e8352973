SELECT now(3) AS server_time, version() AS version
