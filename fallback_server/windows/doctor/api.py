"""Routes of the doctor window."""

from __future__ import annotations

from fallback_server.web.routes import Api

api = Api("doctor")
