-- Is the centre there, what does its clock say?
SELECT current_timestamp AS server_time, version() AS version
