-- Is the centre there, what does its clock say? As text with its offset: the drivers hand on no datetimeoffset.
SELECT left(CONVERT(varchar(40), sysdatetimeoffset(), 126), 23) + right(CONVERT(varchar(40), sysdatetimeoffset(), 126), 6)
           AS server_time,
       @@version AS version
