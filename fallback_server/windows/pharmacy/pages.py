"""Pages and prints of the pharmacy window."""

from __future__ import annotations

from typing import Any

from fallback_server.acts import prescriptions, prints
from fallback_server.store import after_lists
from fallback_server.web.pages import Pages, View
from fallback_server.windows.pharmacy import queries, rules

pages = Pages("pharmacy")


@pages.page("/pharmacy", template="pharmacy/pharmacy.html", title="pharmacy.title", roles=("pharmacist",), nav=True)
def pharmacy(view: View) -> dict[str, Any]:
    """The pharmacist's window: what is paid, what was handed over, what must be dispensed in the HIS afterwards."""
    return {"data": queries.page_data(view.tx), "to_dispense": len(after_lists.to_dispense(view.tx.conn))}


@pages.paper(
    "/print/prescription/{prescription_id}", template="prints/prescription.html", title="prints.rx_title", size="a5",
    roles=("pharmacist", "doctor", "cashier"),
)  # fmt: skip
def prescription(view: View) -> dict[str, Any]:
    """处方笺: 前记, 正文, 后记; the paper's colour and word are those of its form."""
    found = prescriptions.get(view.tx, view.path["prescription_id"])
    model = queries.print_model(view.tx, view.policy, found)
    lines = model["prescription"]["lines"]
    herbal = found.kind == "herbal"
    return {
        "number": found.number,
        "rx": model,
        "shared": rules.shared_directions(lines) if herbal and lines else None,
        "carried": prints.carried_by(view.tx, view.policy, found),
    }
