"""The doctor's and the pharmacist's windows for tests: patients registered, papers written and paid for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import Reply, Window, centre_id
from tests.pages.hand import NOTE_PRINTS, Hand
from tests.windows.money_cast import cash

WANG = centre_id("patient", "P1001")  # allergic to penicillin and cephalosporins
ZHANG = centre_id("patient", "P1003")
CHILD = centre_id("patient", "P1002")


def done(reply: Reply) -> Any:
    """The answer of a success."""
    assert reply.status < 300, reply.json
    return reply.json


def api(standby: Standby, who: str) -> Window:
    """The window of a person without a browser, at the same computer as with one."""
    return standby.hospital.window(who)


def visit(standby: Standby, patient: str = WANG, department: str = "NK", **more: Any) -> dict[str, Any]:
    """A visit sold by the registrar."""
    body = {"patient_id": patient, "department_code": department, "type_code": "PT", "payments": [cash("10.00")]}
    made: dict[str, Any] = done(api(standby, "registrar").post("/registrations", {**body, **more}))
    return made


def prescription(standby: Standby, visit_id: str, *drugs: str, **more: Any) -> dict[str, Any]:
    """A prescription of these drugs, two packs of each."""
    lines = [
        {"drug_code": code, "quantity": 2, "dose": "1", "dose_unit": "片", "usage": "PO", "frequency": "TID", "days": 3}
        for code in drugs
    ]
    body = {"registration_id": visit_id, "kind": "western", "diagnoses": ["J06.900"], "lines": lines, **more}
    made: dict[str, Any] = done(api(standby, "doctor").post("/prescriptions", body))
    return made


def paid(standby: Standby, visit_id: str, prescription_id: str) -> dict[str, Any]:
    """The same, paid for in cash."""
    cashier = api(standby, "cashier")
    basket = {"registration_id": visit_id, "prescription_ids": [prescription_id]}
    total = done(cashier.post("/charges/quote", basket))["total"]
    charge: dict[str, Any] = done(
        cashier.post("/charges", {**basket, "payments": [cash(total)], "expected_total": total})
    )
    return charge


def surgery(desk: Callable[..., Desk], who: str = "doctor") -> Hand:
    """A doctor at the window, the cursor waiting for a patient."""
    page = desk(who, "/doctor").page
    page.evaluate(NOTE_PRINTS)
    return Hand(page).at("#find")


def see(hand: Hand, text: str = "wf", name: str = "王芳") -> Hand:
    """Find a patient and open the visit; the cursor stands where the work begins."""
    hand.at("#find").choose(text, of=name)
    hand.page.wait_for_selector(f".person-name:has-text('{name}')")
    return hand.at("#diagnosis")


def line(
    hand: Hand, code: str, name: str, *, dose: str = "1", days: str = "3", usage: str = "口服", often: str = "tid",
    quantity: str | None = None,
) -> Hand:  # fmt: skip
    """One line of a prescription, from the drug's search to the next one's."""
    hand.at("#drug").choose(code, of=name).at("#dose").type(dose).press("Enter").at("#dose_unit").press("Enter")
    hand.at("#usage").type(usage).press("Enter").at("#frequency").type(often).press("Enter").at("#days").type(days)
    hand.press("Enter").at("#quantity")
    if quantity is not None:
        hand.type(quantity)
    return hand.press("Enter").at("#note").press("Enter").at("#drug")


def written(standby: Standby, visit_id: str, kind: str = "prescriptions") -> list[dict[str, Any]]:
    """What stands in the visit, newest first."""
    found: list[dict[str, Any]] = done(api(standby, "0901").get(f"/{kind}", registration_id=visit_id))["items"]
    return found


def wrong_words(hand: Hand) -> str:
    """The sentence beside the field that has the cursor."""
    hand.page.wait_for_selector("small.wrong")
    assert hand.page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
    return str(hand.page.locator("small.wrong").first.inner_text())


def printed(hand: Hand) -> list[str]:
    """The papers that went to the printer."""
    found: list[str] = hand.page.evaluate("window.printed")
    return found
