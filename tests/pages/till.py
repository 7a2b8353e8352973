"""The cashier's window for tests: a cashier in YJ mode with an open shift, and papers for her to charge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import Reply, Window, centre_id
from tests.pages.hand import NOTE_PRINTS, Hand
from tests.windows.money_cast import cash

WANG = centre_id("patient", "P1001")


def till(standby: Standby, desk: Callable[..., Desk], who: str = "cashier", *, shift: bool = True) -> Hand:
    """The window of a cashier, the cursor waiting for a patient."""
    if shift:
        done(api(standby, who).post("/shifts/open", {"float": "200.00"}))
    page = desk(who, "/billing").page
    page.evaluate(NOTE_PRINTS)
    hand = Hand(page)
    if shift:
        page.wait_for_selector("#shift-state.good")
        hand.at("#find")
    return hand


def api(standby: Standby, who: str = "cashier") -> Window:
    """The same person's window without a browser, at the same computer."""
    code = {"cashier": "0201", "cashier2": "0202", "supervisor": "0601"}.get(who, who)
    return standby.hospital.window(who, f"W{code}" if code.isdigit() else None)


def done(reply: Reply) -> Any:
    """The answer of a success."""
    assert reply.status < 300, reply.json
    return reply.json


def visit(standby: Standby, patient: str = WANG, department: str = "NK") -> str:
    """A visit sold by the registrar."""
    body = {"patient_id": patient, "department_code": department, "type_code": "PT", "payments": [cash("10.00")]}
    return str(done(standby.hospital.window("registrar").post("/registrations", body))["id"])


def prescription(standby: Standby, registration: str, drug: str = "A002", quantity: int = 2) -> dict[str, Any]:
    """An unpaid prescription of the visit."""
    body = {
        "registration_id": registration, "kind": "western", "diagnoses": ["J06.900"],
        "lines": [{"drug_code": drug, "quantity": quantity}],
    }  # fmt: skip
    found: dict[str, Any] = done(standby.hospital.window("doctor").post("/prescriptions", body))
    return found


def order(standby: Standby, registration: str, item: str = "F002") -> dict[str, Any]:
    """An unpaid order of the visit."""
    body = {"registration_id": registration, "lines": [{"item_code": item, "quantity": 1}]}
    found: dict[str, Any] = done(standby.hospital.window("doctor").post("/orders", body))
    return found


def charge(
    standby: Standby, total: str, *items: tuple[str, int], patient: str = WANG, who: str = "cashier", **more: Any
) -> dict[str, Any]:
    """Fee items charged without the browser, in cash."""
    body = {
        "patient_id": patient, "lines": [{"item_code": code, "quantity": count} for code, count in items],
        "payments": [cash(total)], "expected_total": total, **more,
    }  # fmt: skip
    made: dict[str, Any] = done(api(standby, who).post("/charges", body))
    return made


def charges(standby: Standby) -> list[dict[str, Any]]:
    """Charges and refunds of the outpatient kind, newest first."""
    found = api(standby).get("/charges").json["items"]
    return [one for one in found if one["kind"] == "outpatient"]


def printed(hand: Hand) -> list[str]:
    """The papers that went to the printer."""
    found: list[str] = hand.page.evaluate("window.printed")
    return found


def money(hand: Hand, tendered: str = "") -> Hand:
    """From the cursor on the tendered cash to the act: cash, with what was put on the counter."""
    hand.at("#pay-0-tendered")
    if tendered:
        hand.type(tendered)
    return hand.press("Enter")


def paper_agrees(hand: Hand) -> Hand:
    """The sheet in the printer is the one on the screen."""
    hand.dialog("请核对打印机里的票据号")
    return hand.press("Enter")


def came_out(hand: Hand, words: str = "打印出来了吗") -> Hand:
    """It did."""
    hand.dialog(words)
    return hand.press("Enter").alone()


def item(hand: Hand, code: str, count: str = "1") -> Hand:
    """Add a fee item: search, quantity, back to the search."""
    hand.at("#item").choose(code, of=code)
    return hand.at("[data-count]").type(count).press("Enter").at("#item")
