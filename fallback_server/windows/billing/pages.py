"""Pages and prints of the billing window."""

from __future__ import annotations

from typing import Any

from fallback_server.acts import masters, prints, shifts
from fallback_server.acts.payments import offered
from fallback_server.domain.categories import RECEIPT_CATEGORIES
from fallback_server.domain.errors import YjError
from fallback_server.web.pages import Pages, View
from fallback_server.web.routes import READ_EVERYTHING
from fallback_server.windows.billing import queries

pages = Pages("billing")

CASHIER = ("cashier",)
BOOK_HOLDERS = ("cashier", "registrar")
LOOKERS = ("registrar", "cashier", "pharmacist")


@pages.page("/billing", template="billing/billing.html", title="billing.title", roles=CASHIER, nav=True)
def billing(view: View) -> dict[str, Any]:
    """The cashier's window: charge, refund, look up, receipts and shift."""
    return {
        "data": {"role": "cashier", "methods": offered(view.policy)},
        "supervisor": "supervisor" in view.tx.who.roles,
    }


@pages.paper(
    "/print/receipt/{charge_id}", template="prints/receipt.html", title="prints.receipt_title", size="a5",
    roles=LOOKERS,
)  # fmt: skip
def receipt(view: View) -> dict[str, Any]:
    """收费票据: receipt number and machine number, categories in the national order, details, methods, payer."""
    model = queries.print_model(view.tx, view.policy, view.path["charge_id"])
    if model["charge"]["refund_of"] is not None:
        raise YjError("charge_not_found")
    return {**_money_paper(view, model), "groups": _groups(model["charge"])}


@pages.paper(
    "/print/refund/{charge_id}", template="prints/refund.html", title="prints.refund_title", size="a5", roles=LOOKERS
)
def refund(view: View) -> dict[str, Any]:
    """退费单: names the original by both its numbers."""
    model = queries.print_model(view.tx, view.policy, view.path["charge_id"])
    if model["charge"]["refund_of"] is None:
        raise YjError("charge_not_found")
    return {**_money_paper(view, model), "groups": _groups(model["charge"])}


@pages.paper(
    "/print/shift/{shift_id}", template="prints/shift.html", title="prints.shift_title", size="a4", roles=BOOK_HOLDERS
)
def shift_sheet(view: View) -> dict[str, Any]:
    """缴款交接单: as signed, or as it stands while the shift is open."""
    shift = shifts.get(view.tx, view.path["shift_id"])
    operator = shift["operator"]["code"]
    if operator != view.tx.who.operator_code and not view.tx.who.roles & READ_EVERYTHING:
        raise YjError("forbidden", roles=", ".join(sorted(READ_EVERYTHING)))
    sheet = shift["sheet"]
    return {
        "number": shift["id"],
        "shift": shift,
        "sheet": sheet,
        "chain_head": sheet["audit"],
        "carried": prints.carried(
            view.tx, view.policy, shift["id"], incident_no=shift["incident_no"], drill=shift["drill"],
            at=sheet["to"], operator=f"{shift['operator']['name']} {operator}", workstation=shift["workstation"],
        ),
    }  # fmt: skip


def _money_paper(view: View, model: dict[str, Any]) -> dict[str, Any]:
    charge = model["charge"]
    department = masters.find(view.tx, "department", charge["department_code"]) if charge["department_code"] else None
    return {
        "number": charge["yj_no"],
        "charge": charge,
        "payer": model["payer"],
        "original": model["original"],
        "department": department["name"] if department else None,
        "category_names": {code: names[view.language == "en"] for code, names in RECEIPT_CATEGORIES.items()},
        "insurance_name": _insurance_name(view, charge),
        "carried": prints.carried(
            view.tx, view.policy, charge["id"], incident_no=charge["incident_no"], drill=charge["drill"],
            at=charge["created_at"], operator=f"{charge['operator']['name']} {charge['operator']['code']}",
            workstation=charge["workstation"],
        ),
    }  # fmt: skip


def _insurance_name(view: View, charge: dict[str, Any]) -> str | None:
    if charge["insurance"] is None:
        return None
    kind = charge["insurance"]["type"]
    return masters.dictionary_name(view.tx, "insurance_type", kind) or str(kind)


def _groups(charge: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines by receipt category, in the national order, each group with its sum."""
    return [
        {**category, "lines": [line for line in charge["lines"] if line["receipt_category"] == category["category"]]}
        for category in charge["by_category"]
    ]
