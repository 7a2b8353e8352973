"""The drill of a self-test: a patient registered, prescribed for, charged, refunded, given the drugs; over loopback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from clients.console.context import NotInOrder
from clients.console.self_test.scratch import Scratch
from clients.sdk import Problem, YjClient

PATIENCE: Final = 20.0
DEAREST: Final = Decimal("150.00")
LIST: Final = 100
REASON: Final = "无人值守自检 self-test"


@dataclass
class Story:
    """What was done: how long each step took, what the windows were told."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    incident_no: int = 0
    told: Decimal = Decimal("0.00")
    prints: int = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; one that fails is the last that is noted."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.steps.append({"step": name, "seconds": round(time.monotonic() - begun, 2)})


def play(address: str, scratch: Scratch, story: Story) -> None:
    """From the switch to the release. Raises Problem or NoAnswer where a window would have been refused, NotInOrder."""
    with ExitStack() as windows:
        desk = {part: _window(windows, address, part, scratch, story) for part in scratch.people}
        with story.step("switch"):
            state = desk["admin"].switch_on("other", REASON, drill=True)
            story.incident_no = int(state["incident_no"])
            _require(bool(state["drill"]), "the mode does not say that this is a drill")
            for part, client in desk.items():
                client.heartbeat(part)
        with story.step("register"):
            visit = _register(desk["registrar"], scratch.department, story)
        with story.step("prescribe"):
            paper = _prescribe(desk["doctor"], visit)
        with story.step("charge"):
            charge = _charge(desk["cashier"], visit, paper, story)
        with story.step("refund"):
            _refund(desk["cashier"], charge, scratch, story)
        with story.step("hand_over"):
            desk["pharmacist"].print_prescription(paper)
            desk["pharmacist"].hand_over(paper, {"checked_by": scratch.people["second"].operator})
            _look_at(desk["pharmacist"], f"/print/prescription/{paper}", story)
        with story.step("fence"):
            _fenced(desk["admin"], story.incident_no)
        with story.step("end"):
            desk["admin"].switch_back(scratch.people["second"], upload=False)
            desk["admin"].heartbeat("admin")
            desk["admin"].post("/mode/release", {"reason": REASON})
            _require(desk["admin"].mode()["mode"] == "normal", "the windows were not given back")


def _window(windows: ExitStack, address: str, part: str, scratch: Scratch, story: Story) -> YjClient:
    client = windows.enter_context(YjClient(address, f"self-test-{part}", patience=PATIENCE))
    with story.step(f"log_in_{part}"):
        client.log_in(scratch.people[part], take_over=True)
    return client


def _register(window: YjClient, department: str, story: Story) -> str:
    patient = window.create_patient({"name": "自检病人", "sex": "U", "birth_date": "1990-01-01"})
    kinds = [one for one in window.register_types() if one["active"]]
    _require(bool(kinds), "no registration type was mirrored")
    kind = min(kinds, key=_fee)
    made = window.register(
        {
            "patient_id": patient["id"], "department_code": department, "type_code": kind["type_code"],
            "payments": _cash(_fee(kind)),
        }
    )  # fmt: skip
    if made.get("charge"):
        story.told += Decimal(made["charge"]["total"])
    _look_at(window, f"/print/registration/{made['id']}", story)
    return str(made["id"])


def _fee(kind: dict[str, Any]) -> Decimal:
    return Decimal(kind["registration_fee"]) + Decimal(kind["consultation_fee"])


def _prescribe(window: YjClient, visit: str) -> str:
    diagnoses = [one["diagnosis_code"] for one in window.diagnoses(limit=1)]
    refused = ""
    for drug in (one for one in window.drugs(limit=LIST) if _plain(one)):
        line = {"drug_code": drug["drug_code"], "quantity": 1, "dose": "1", "dose_unit": drug["unit"], "days": 1}
        body = {"registration_id": visit, "kind": drug["category"], "diagnoses": diagnoses, "lines": [line]}
        try:
            return str(window.prescribe(body)["id"])
        except Problem as error:
            refused = f" ({error.code})"
            if error.status not in (409, 422):
                raise
    raise NotInOrder(f"no drug of the mirror could be prescribed{refused}")


def _plain(drug: dict[str, Any]) -> bool:
    price = Decimal(drug["unit_price"])
    return (
        bool(drug["active"]) and not drug.get("control_class") and drug["category"] != "herbal" and 0 < price < DEAREST
    )


def _charge(window: YjClient, visit: str, paper: str, story: Story) -> dict[str, Any]:
    """The prescription and one item, so that something can be given back before the drugs are."""
    items = [one for one in window.fee_items(limit=LIST) if one["active"] and 0 < Decimal(one["unit_price"]) < DEAREST]
    _require(bool(items), "no fee item was mirrored")
    basket = {
        "registration_id": visit, "prescription_ids": [paper], "order_ids": [],
        "lines": [{"item_code": items[0]["item_code"], "quantity": 1}],
    }  # fmt: skip
    total = window.quote(basket)["total"]
    charge = window.charge({**basket, "expected_total": total, "payments": _cash(Decimal(total))})
    story.told += Decimal(charge["total"])
    number = charge.get("receipt_no")
    _require(number is None or str(number).startswith("DRILL"), f"receipt {number} is not one of a drill")
    window.print_charge(charge["id"])
    _look_at(window, f"/print/receipt/{charge['id']}", story)
    return {**charge, "item": items[0]["item_code"]}


def _refund(window: YjClient, charge: dict[str, Any], scratch: Scratch, story: Story) -> None:
    whole = window.get(f"/charges/{charge['id']}")
    line = next(one for one in whole["lines"] if one["item_code"] == charge["item"])
    body = {
        "lines": [{"line_id": line["line_id"], "quantity": 1}], "reason": REASON,
        "approver": scratch.people["supervisor"].payload(),
    }  # fmt: skip
    refund = window.refund(charge["id"], body)
    story.told += Decimal(refund["total"])
    _look_at(window, f"/print/refund/{refund['id']}", story)


def _fenced(console: YjClient, incident_no: int) -> None:
    """Nothing of it may be returned, whoever asks."""
    try:
        console.upload(incident_no)
    except Problem as error:
        if error.code == "drill_fenced":
            return
        raise
    raise NotInOrder("the upload of a drill was not refused")


def _look_at(window: YjClient, path: str, story: Story) -> None:
    """A print as the printer gets it: there, and marked."""
    _require("DRILL" in window.page(path), f"{path} does not carry DRILL")
    story.prints += 1


def _cash(total: Decimal) -> list[dict[str, str]]:
    return [{"method": "cash", "amount": format(total.quantize(Decimal("0.01")), "f")}] if total else []


def _require(good: bool, problem: str) -> None:
    if not good:
        raise NotInOrder(problem)
