"""What the front door asks once a second for all pharmacies: which list has moved, and nothing of what stands in it."""

from __future__ import annotations

import re

from fallback_server.acts import marks
from tests.fixtures_hospital import Hospital
from tests.windows.money_cast import RX_PAID, RX_UNPAID, charge, good, items

HERE = "XYF"  # where both prescriptions of the centre are fetched


def test_a_pharmacys_mark_changes_with_every_act_on_its_prescriptions_and_with_nothing_else(yj: Hospital) -> None:
    cashier, pharmacist = yj.window("cashier"), yj.window("pharmacist")
    seen: list[dict[str, str]] = []

    def moved() -> bool:
        """Whether the pharmacy's mark, and that of all together, are others than before."""
        yj.clock.advance(1)
        with yj.store.reading() as tx:
            seen.append(marks.of_pharmacies(tx))
        before, now = seen[-2] if len(seen) > 1 else {}, seen[-1]
        assert (before.get(HERE) != now.get(HERE)) == (before.get("*") != now.get("*"))
        return before.get(HERE) != now.get(HERE)

    assert not moved()
    paid = good(charge(cashier, {"prescription_ids": [RX_UNPAID]}))
    assert moved()
    assert not moved()
    good(charge(cashier, items(("F001", 1))))  # no drugs
    assert not moved()
    good(pharmacist.post(f"/prescriptions/{RX_UNPAID}/prints"))
    assert moved()
    good(pharmacist.post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402"}))
    assert moved()
    good(pharmacist.post(f"/prescriptions/{RX_PAID}/return", {"reason": "包装破损"}))
    assert moved()
    good(cashier.post(f"/charges/{paid['id']}/refund", {"reason": "不要了"}))
    assert moved()
    assert {code for one in seen for code in one} == {HERE, "*"}
    assert all(re.fullmatch("[0-9a-f]{16}", mark) for one in seen for mark in one.values())
