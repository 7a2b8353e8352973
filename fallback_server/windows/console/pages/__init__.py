"""Pages and prints of the console: what is seen before and in an outage (watch.py), of the centre (detection.py), the
way back (returning.py, one document of it in documents.py), the papers and files for signatures (papers.py), people
(people.py), drills (drills.py), computers at the windows (stations.py), the standby itself (standby.py), backups
(backups.py), the audit log (audit.py), the record of an incident (record.py), what stands beside the tabs
(afterwards.py)."""

from __future__ import annotations

from fallback_server.web.pages import Pages
from fallback_server.windows.console.pages import (
    afterwards,
    audit,
    backups,
    detection,
    documents,
    drills,
    papers,
    people,
    record,
    returning,
    standby,
    stations,
    watch,
)

_PARTS = (
    watch.pages, returning.pages, documents.pages, papers.pages, people.pages, stations.pages, drills.pages,
    afterwards.pages, record.pages, detection.pages, standby.pages, backups.pages, audit.pages,
)  # fmt: skip
pages = Pages(
    "console", [page for part in _PARTS for page in part.pages], [file for part in _PARTS for file in part.files]
)
