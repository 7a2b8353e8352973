"""Pages and prints of the doctor window."""

from __future__ import annotations

from fallback_server.web.pages import Pages

pages = Pages("doctor")
