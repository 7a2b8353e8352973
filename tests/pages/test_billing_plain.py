"""A hospital that prints plain slips and takes cash and cards only; and bills of nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from config.settings import Settings, load, write_default
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import CAST
from tests.pages.till import came_out, charges, item, money, printed, till

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hospital_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Receipts come from the centre after the upload; the platforms' methods are switched off."""
    folder = tmp_path_factory.mktemp("plain")
    write_default(folder, hospital_name="测试医院")
    return load(folder, {"YJ_WINDOWS__RECEIPT": "plain", "YJ_WINDOWS__PAYMENT_METHODS": '["cash", "bank_card"]'})


def test_a_plain_slip_takes_no_number_and_what_is_switched_off_is_not_offered(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency()
    hand = till(standby, desk)
    page = hand.page
    assert page.locator("#paper-here").is_hidden()
    assert page.locator("#pay-0-method option").all_inner_texts() == ["现金", "银行卡"]
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter")
    money(hand)
    hand.dialog("打印出来了吗")
    assert page.locator("dialog[open] [data-key=F9]").count() == 0  # no next number
    hand.press("Enter").alone()
    made = charges(standby)[0]
    assert (made["receipt_no"], printed(hand)) == (None, [f"/print/receipt/{made['id']}"])
    hand.press("F4")
    page.wait_for_selector("#book:has-text('本院不使用预印票据')")


def test_a_bill_of_nothing_takes_no_payment(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    free = [{**row, "unit_price": "0.0000"} if row["item_code"] == "F001" else row for row in CAST["fee_item"]]
    standby.hospital.mirror({**CAST, "fee_item": free}, generation=8)
    hand = till(standby, desk)
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.page.wait_for_selector("#marks:has-text('无需付款')")
    hand.press("Enter").at("#take").press("Enter")
    came_out(hand)
    assert (charges(standby)[0]["total"], charges(standby)[0]["payments"]) == ("0.00", [])
