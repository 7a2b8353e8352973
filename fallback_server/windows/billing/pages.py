"""Pages and prints of the billing window."""

from __future__ import annotations

from fallback_server.web.pages import Pages

pages = Pages("billing")
