"""Pages and prints of the doctor window."""

from __future__ import annotations

from typing import Any

from fallback_server.web.pages import Pages, View
from fallback_server.windows.doctor import queries

pages = Pages("doctor")


@pages.page("/doctor", template="doctor/doctor.html", title="doctor.title", roles=("doctor",), nav=True)
def doctor(view: View) -> dict[str, Any]:
    """The doctor's window: the queue, one visit, its prescriptions and orders."""
    return {"data": queries.page_data(view.tx)}
