"""Routes of the registration window."""

from __future__ import annotations

from fallback_server.web.routes import Api

api = Api("registration")
