"""The page that everybody reaches first: where to go."""

from __future__ import annotations

from typing import Any

from fallback_server.web.pages import GoTo, Pages, View

pages = Pages("frame")


@pages.page("/", template="common/home.html", title="frame.home")
def home(view: View) -> dict[str, Any]:
    """The windows this person may use; who has one only is led straight to it."""
    if len(view.windows) == 1:
        raise GoTo(view.windows[0])
    return {}
