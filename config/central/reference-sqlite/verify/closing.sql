-- Which day closing took each charge and refund of ours in the period, and on which day it is posted. No closing: not yet.
SELECT CAST(z.sfxh AS varchar(20)) AS central_key, trim(z.yjlsh) AS yj_no,
       substr(z.posted, 1, 4) || '-' || substr(z.posted, 5, 2) || '-' || substr(z.posted, 7, 2) AS posting_date,
       CAST(j.rjxh AS varchar(20)) AS closing_no,
       substr(j.rjrq, 1, 4) || '-' || substr(j.rjrq, 5, 2) || '-' || substr(j.rjrq, 7, 2) AS closing_date,
       substr(j.rjsj, 1, 4) || '-' || substr(j.rjsj, 5, 2) || '-' || substr(j.rjsj, 7, 2)
           || ' ' || substr(j.rjsj, 9, 8) AS closed_at
FROM (SELECT sfxh, yjlsh, rjxh, coalesce(jzrq, substr(sfrq, 1, 8)) AS posted FROM sf_zb
      WHERE yjbz = '1' AND sfrq >= CAST(:since_char16 AS char(16)) AND sfrq < CAST(:until_char16 AS char(16))) z
LEFT JOIN sf_rj j ON j.rjxh = z.rjxh
