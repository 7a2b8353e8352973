"""Pages and prints of the registration window."""

from __future__ import annotations

from typing import Any

from fallback_server.acts import masters, prints, registrations
from fallback_server.acts.payments import offered
from fallback_server.web.pages import Pages, View
from fallback_server.windows.registration import queries

pages = Pages("registration")
REGISTRAR = ("registrar",)  # a cashier and a supervisor are registrars too


@pages.page(
    "/registration", template="registration/registration.html", title="registration.title", roles=REGISTRAR, nav=True
)
def desk(view: View) -> dict[str, Any]:
    """The desk: the departments come with the page, people and what is on sale are asked for as they are needed."""
    return {
        "data": {
            "role": "registrar",
            "departments": masters.departments(view.tx, registrations.SELLING_KINDS),
            "insurance_types": queries.codes(view.tx, "insurance_type"),
            "id_types": queries.codes(view.tx, "id_type"),
            "methods": offered(view.policy),
        }
    }


@pages.paper(
    "/print/registration/{registration_id}", template="prints/registration.html", title="prints.registration_title",
    size="roll80", roles=REGISTRAR,
)  # fmt: skip
def slip(view: View) -> dict[str, Any]:
    """The slip the patient walks with."""
    found = queries.slip(view.tx, view.path["registration_id"])
    visit = found["visit"]
    carried = prints.carried(
        view.tx, view.policy, visit["id"], incident_no=visit["incident_no"], drill=visit["drill"],
        at=visit["created_at"], operator=visit["operator_name"], workstation=visit["workstation"],
    )  # fmt: skip
    return {**found, "number": visit["yj_no"], "carried": carried}
