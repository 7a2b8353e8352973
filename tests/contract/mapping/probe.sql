SELECT current_timestamp AS server_time, version() AS version
