"""Routes of the console: the switch and the mirror (switch.py), the way back (returns.py)."""

from __future__ import annotations

from fallback_server.web.routes import Api
from fallback_server.windows.console.api import returns, switch

api = Api("console", [*switch.api.routes, *returns.api.routes])
