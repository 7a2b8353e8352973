"""Routes of the console: the switch (switch.py), the mirror (mirror.py), the way back (returns.py), its run-sheet
(run_sheet.py), the record of an incident (record.py), prices keyed in during an outage (prices.py), people (people.py),
agents (agents.py), the workstation table (stations.py), drills (drills.py), the look at the centre (detection.py),
the standby itself (standby.py), backups (backups.py), the audit log (audit.py)."""

from __future__ import annotations

from fallback_server.web.routes import Api
from fallback_server.windows.console.api import (
    agents,
    audit,
    backups,
    detection,
    drills,
    mirror,
    people,
    prices,
    record,
    returns,
    run_sheet,
    standby,
    stations,
    switch,
)

_PARTS = (
    switch.api, mirror.api, returns.api, run_sheet.api, record.api, prices.api, people.api, agents.api, stations.api,
    drills.api, detection.api, standby.api, backups.api, audit.api,
)  # fmt: skip
api = Api("console", [route for part in _PARTS for route in part.routes])
