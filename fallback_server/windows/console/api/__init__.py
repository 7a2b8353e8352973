"""Routes of the console: the switch (switch.py), the mirror (mirror.py), the way back (returns.py),
people (people.py)."""

from __future__ import annotations

from fallback_server.web.routes import Api
from fallback_server.windows.console.api import mirror, people, returns, switch

api = Api("console", [*switch.api.routes, *mirror.api.routes, *returns.api.routes, *people.api.routes])
