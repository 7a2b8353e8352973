-- Is the centre there, what does its clock say? SQLite only knows UTC: the hospital's offset is added here.
SELECT strftime('%Y-%m-%d %H:%M:%f', 'now', '+8 hours') AS server_time, 'SQLite ' || sqlite_version() AS version
