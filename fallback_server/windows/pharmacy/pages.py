"""Pages and prints of the pharmacy window."""

from __future__ import annotations

from fallback_server.web.pages import Pages

pages = Pages("pharmacy")
