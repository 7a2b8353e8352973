"""What a T-SQL file uses that SQL Server does not know at compatibility level 100 (2008 and 2008 R2).

Many centres still run at that level, on servers much newer. Words in strings and comments do not count.
"""

from __future__ import annotations

import re
from typing import Final

_SILENT: Final = re.compile(r"'(?:[^']|'')*'|\[[^\]]*\]|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_FUNCTIONS: Final = {
    "2012": "CONCAT IIF CHOOSE FORMAT PARSE TRY_PARSE TRY_CONVERT LAG LEAD FIRST_VALUE LAST_VALUE PERCENT_RANK"
    " CUME_DIST PERCENTILE_CONT PERCENTILE_DISC EOMONTH DATEFROMPARTS DATETIMEFROMPARTS DATETIME2FROMPARTS"
    " TIMEFROMPARTS SMALLDATETIMEFROMPARTS DATETIMEOFFSETFROMPARTS TRY_CAST",
    "2016": "STRING_SPLIT STRING_ESCAPE COMPRESS DECOMPRESS DATEDIFF_BIG ISJSON JSON_VALUE JSON_QUERY JSON_MODIFY"
    " OPENJSON SESSION_CONTEXT CURRENT_TRANSACTION_ID",
    "2017": "STRING_AGG TRIM TRANSLATE CONCAT_WS",
    "2019": "APPROX_COUNT_DISTINCT",
    "2022": "GREATEST LEAST DATETRUNC DATE_BUCKET GENERATE_SERIES JSON_OBJECT JSON_ARRAY BIT_COUNT LEFT_SHIFT"
    " RIGHT_SHIFT REGEXP_LIKE",
}
_PHRASES: Final = {
    r"OFFSET\s+\S+\s+ROWS?\b": ("OFFSET … ROWS", "2012"),
    r"FETCH\s+(?:NEXT|FIRST)\s+\S+\s+ROWS?\s+ONLY": ("FETCH … ROWS ONLY", "2012"),
    r"(?:^|;|\bBEGIN\s)\s*THROW\b": ("THROW", "2012"),
    r"NEXT\s+VALUE\s+FOR": ("NEXT VALUE FOR", "2012"),
    r"CREATE\s+SEQUENCE": ("CREATE SEQUENCE", "2012"),
    r"WITH\s+RESULT\s+SETS": ("WITH RESULT SETS", "2012"),
    r"\bROWS\s+(?:BETWEEN|UNBOUNDED|CURRENT|\d)": ("a window frame of ROWS", "2012"),
    r"\bRANGE\s+(?:BETWEEN|UNBOUNDED|CURRENT)": ("a window frame of RANGE", "2012"),
    r"\b(?:SUM|AVG|COUNT|COUNT_BIG|MIN|MAX)\s*\([^()]*\)\s*OVER\s*\([^()]*ORDER\s+BY": ("a running total", "2012"),
    r"DROP\s+\w+\s+IF\s+EXISTS": ("DROP … IF EXISTS", "2016"),
    r"CREATE\s+OR\s+ALTER": ("CREATE OR ALTER", "2016"),
    r"AT\s+TIME\s+ZONE": ("AT TIME ZONE", "2016"),
    r"FOR\s+JSON": ("FOR JSON", "2016"),
    r"FOR\s+SYSTEM_TIME": ("FOR SYSTEM_TIME", "2016"),
    r"IS\s+(?:NOT\s+)?DISTINCT\s+FROM": ("IS DISTINCT FROM", "2022"),
    r"WINDOW\s+\w+\s+AS": ("WINDOW … AS", "2022"),
}
_NOLOCK: Final = re.compile(r"\bNOLOCK\b|\bREADUNCOMMITTED\b|\bREAD\s+UNCOMMITTED\b", re.IGNORECASE)


def newer(sql: str) -> list[str]:
    """What this statement needs a newer level for, as `CONCAT (2012)`; and NOLOCK, which no level excuses."""
    bare = _SILENT.sub(" ", sql)
    called = {word.upper() for word in re.findall(r"\b([A-Za-z_]\w*)\s*\(", bare)}
    found = [f"{name} ({year})" for year, names in _FUNCTIONS.items() for name in names.split() if name in called]
    found += [f"{name} ({year})" for phrase, (name, year) in _PHRASES.items() if re.search(phrase, bare, re.IGNORECASE)]
    return found + (["NOLOCK (reads what may never have been)"] if _NOLOCK.search(bare) else [])
