"""Pages and prints of the doctor window."""

from __future__ import annotations

from typing import Any

from fallback_server.acts import orders, prints
from fallback_server.web.pages import Pages, View
from fallback_server.windows.doctor import queries

pages = Pages("doctor")


@pages.page("/doctor", template="doctor/doctor.html", title="doctor.title", roles=("doctor",), nav=True)
def doctor(view: View) -> dict[str, Any]:
    """The doctor's window: the queue, one visit, its prescriptions and orders."""
    return {"data": queries.page_data(view.tx)}


@pages.paper(
    "/print/order/{order_id}", template="prints/order.html", title="prints.order_title", size="a5",
    roles=("doctor", "cashier"),
)  # fmt: skip
def order(view: View) -> dict[str, Any]:
    """申请单: items with the department that does them and where it is, diagnoses."""
    found = orders.get(view.tx, view.path["order_id"])
    return {
        "number": found.number,
        "model": queries.order_form(view.tx, view.policy, found),
        "carried": prints.carried_by(view.tx, view.policy, found),
    }
