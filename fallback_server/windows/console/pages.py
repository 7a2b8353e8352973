"""Pages and prints of the console window."""

from __future__ import annotations

from fallback_server.web.pages import Pages

pages = Pages("console")
