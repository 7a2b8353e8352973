"""An act was done, its answer never came, and the form says something else by now: nothing is taken for another act."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import Window, centre_id
from tests.pages.hand import NOTE_PRINTS, Hand
from tests.pages.till import WANG, api, came_out, charge, charges, done, till
from tests.windows.money_cast import cash

pytestmark = pytest.mark.browser
CHILD = centre_id("patient", "P1002")


@pytest.fixture
def desk_hand(standby: Standby, desk: Callable[..., Desk]) -> Hand:
    """The registrar at her desk in YJ mode, her shift open."""
    standby.hospital.emergency()
    done(registrar(standby).post("/shifts/open", {"float": "200.00"}))
    page = desk("registrar", "/registration").page
    page.evaluate(NOTE_PRINTS)
    page.wait_for_selector(".paper-no:has-text('GH00000101')")
    return Hand(page).at("#find")


def registrar(standby: Standby) -> Window:
    return standby.hospital.window("registrar", "W0101")


def key_of(hand: Hand, form: str) -> str:
    """The key of the act that this form will become."""
    kept = hand.page.evaluate(
        "form => Object.entries(sessionStorage).find(([place]) => place.endsWith(`:${form}`))[1]", form
    )
    return str(json.loads(kept)["key"])


def test_another_visit_of_the_same_key_is_not_taken_for_this_one(standby: Standby, desk_hand: Hand) -> None:
    hand = desk_hand
    hand.choose("wf", of="王芳").at("#department").choose("nk").at("#offers tr").press("Enter").at("#pay-0-tendered")
    older = {"patient_id": CHILD, "department_code": "EK", "type_code": "PT", "payments": [cash("10.00")]}
    done(registrar(standby).post("/registrations", older, key=key_of(hand, "registration")))
    hand.press("Enter").dialog("请核对打印机里的票据号")
    hand.press("Enter").dialog("不是现在这一个")
    assert "王芳之子" in hand.page.inner_text("dialog[open]")
    hand.press("Enter").alone()
    assert "王芳" in hand.page.inner_text("#card") and hand.page.inner_text("#due") == "30.00"
    hand.press("F9")
    came_out(hand)
    found: list[dict[str, Any]] = done(registrar(standby).get("/registrations/own"))["items"]
    assert sorted((one["patient_id"] == WANG, one["department_code"]) for one in found) == [(False, "EK"), (True, "NK")]


def test_another_person_of_the_same_key_is_not_taken_for_this_one(standby: Standby, desk_hand: Hand) -> None:
    hand = desk_hand
    hand.press("F2").at("#name").type("钱小满").press("Enter").at("#sex").type("2").press("Enter")
    hand.at("#born").type("19900102").press("Enter").at("#phone").type("13700001234")
    older = {"name": "钱大满", "sex": "M", "birth_date": "1960-01-02", "phone": "13700001234"}
    done(registrar(standby).post("/patients", older, key=key_of(hand, "newcomer")))
    hand.press("F9").dialog("不是现在这一位")
    hand.press("Enter").alone()
    hand.press("F9").at("#department")
    assert "钱小满" in hand.page.inner_text("#card")


def test_another_refund_of_the_same_key_is_not_taken_for_this_one(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    hand = till(standby, desk).press("F2").at("#original")
    made = charge(standby, "75.00", ("F001", 3))
    hand.choose(made["receipt_no"], of=made["receipt_no"]).at("#refund-lines input").type("2").press("Enter")
    hand.at("#reason").type("少做两次").page.wait_for_selector("#back:has-text('50.00')")
    line = {"line_id": made["lines"][0]["line_id"], "quantity": 1}
    older = {"lines": [line], "reason": "少做一次"}
    done(api(standby).post(f"/charges/{made['id']}/refund", older, key=key_of(hand, "billing-refund")))
    hand.press("F9").dialog("不是现在这一笔")
    hand.press("Enter").alone().at("#refund-lines input")
    assert hand.page.input_value("#reason") == "少做两次"
    hand.press("F9")
    came_out(hand, "退 50.00 元")
    assert sorted(one["total"] for one in charges(standby) if one["refund_of"]) == ["-25.00", "-50.00"]
