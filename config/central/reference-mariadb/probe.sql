-- Is the centre there, what does its clock say? In hospital time, whatever the session's zone is.
SELECT convert_tz(utc_timestamp(6), '+00:00', '+08:00') AS server_time, version() AS version
