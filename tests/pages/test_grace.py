"""The grace of the switch back, as windows live it: it is there for what is in hand, and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from fallback_server.store.mode_switch import advance
from sync.central.fake import FakeCentral
from sync.upload.run import run_upload
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import PASSWORD
from tests.fixtures_return import Rules, Tables
from tests.pages.console_cast import BLIND
from tests.pages.hand import Hand
from tests.pages.till import api, came_out, done, item, paper_agrees, till

pytestmark = pytest.mark.browser
PATIENCE = 30  # seconds; a page looks at the mode every three


def switched_off(standby: Standby) -> int:
    """Two people switch off, the upload is to begin at once. Returns the new epoch."""
    second = {"operator": "0601", "password": PASSWORD}
    return int(done(api(standby, "admin").post("/mode/normal", {"upload": True, "approver": second}))["epoch"])


def until_known(standby: Standby, hand: Hand, epochs: dict[str, int]) -> None:
    """Wait until these computers have said so at the roll call; what a page does goes on meanwhile."""
    end = time.monotonic() + PATIENCE
    found: dict[str, Any] = {}
    while time.monotonic() < end:
        roll = done(api(standby, "admin").get("/workstations"))["items"]
        found = {one["code"]: one["epoch"] for one in roll if one["code"] in epochs}
        if found == epochs:
            return
        hand.page.wait_for_timeout(200)
    raise AssertionError(f"the roll call says {found}, not {epochs}")


def uploaded(standby: Standby) -> dict[str, str]:
    """One run of the upload, as the worker would do it: states by entity and late or not."""
    centre = FakeCentral(standby.hospital.clock)
    nothing = ("upload/match_patient", "upload/advance_receipt_book", *(f"blind_window/{one}" for one in BLIND))
    centre.answers |= {name: [] for name in nothing}
    Tables(centre)
    run_upload(standby.hospital.store, centre, Rules(), 1, pause=standby.hospital.clock.advance)
    rows = standby.hospital.outbox("charge")
    return {("late" if row["late"] else "in time"): row["state"] for row in rows}


def test_the_grace_lasts_until_the_charge_in_hand_is_made_and_the_upload_takes_it_along(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    store = standby.hospital.store
    standby.hospital.emergency()
    hand = till(standby, desk)
    idle = desk("registrar", "/registration").page
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").type("30")
    epoch = switched_off(standby)
    idle.wait_for_selector("body[data-mode=returning]")
    hand.page.wait_for_selector("body[data-mode=returning]")
    until_known(standby, hand, {"W0101": epoch, "W0201": epoch - 1})
    assert advance(store) is None  # the grace goes on for the cashier
    hand.press("Enter")
    paper_agrees(hand)
    came_out(hand, "找零 5.00 元")
    until_known(standby, hand, {"W0101": epoch, "W0201": epoch})
    assert advance(store) == "grace_over"
    assert uploaded(standby) == {"late": "confirmed"}


def test_a_form_that_is_given_up_holds_nobody(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    hand = till(standby, desk)
    second = hand.page.context.new_page()  # another tab of the same computer has nothing in hand
    second.goto(f"{standby.url}/billing")
    hand.choose("SMITH", of="SMITH").at("#item")
    epoch = switched_off(standby)
    for page in (hand.page, second):
        page.wait_for_selector("body[data-mode=returning]")
    until_known(standby, hand, {"W0201": epoch - 1})
    hand.page.wait_for_timeout(4000)  # one look more of both tabs changes nothing
    until_known(standby, hand, {"W0201": epoch - 1})
    hand.press("F10").at("#find")
    until_known(standby, hand, {"W0201": epoch})
    assert advance(standby.hospital.store) == "grace_over"


def test_a_form_left_lying_holds_nobody_once_the_grace_is_over(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    hand = till(standby, desk)
    hand.choose("SMITH", of="SMITH").at("#item")
    standby.hospital.back(grace=8)
    hand.page.wait_for_selector("body[data-mode=returning]")
    until_known(standby, hand, {"W0201": 2})
