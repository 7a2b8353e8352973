"""An outage for the console's tests: worked at the windows, returned to a centre that may refuse two documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sync.central.fake import FakeCentral
from sync.central.gateway import Refused
from sync.reconcile.run import run_reconcile
from sync.upload.run import run_upload
from tests.fixtures_hospital import Hospital
from tests.fixtures_return import Rules, Tables
from tests.windows.money_cast import charge, items, wechat


@dataclass
class Outage:
    """One incident: its number, its charges, and the centre it goes back to."""

    hospital: Hospital
    number: int
    charges: list[dict[str, Any]]
    centre: FakeCentral
    tables: Tables

    def upload(self) -> None:
        """One run, as the worker would do it."""
        run_upload(self.hospital.store, self.centre, Rules(), self.number, pause=self.hospital.clock.advance)

    def reconcile(self) -> None:
        """A fresh account against what the centre has."""
        run_reconcile(self.hospital.store, self.centre, self.number)


def worked(
    hospital: Hospital, *, refuse: bool = False, before_the_return: Callable[[Hospital], None] | None = None
) -> Outage:
    """Two cashiers take money, one gives some back; the windows are at the HIS again.

    With `refuse` the centre takes two of the charges for a person's: a receipt number that it used itself, and an item
    that it no longer has.
    """
    number = hospital.emergency()
    made = [
        charge(hospital.window("cashier"), items(("F001", 1))).json,
        charge(hospital.window("cashier2"), items(("F002", 1)), wechat("80.00")).json,
        charge(hospital.window("cashier"), items(("F003", 2))).json,
    ]
    hospital.window("cashier").post(f"/charges/{made[2]['id']}/refund", {"reason": "重复收费"})
    if before_the_return is not None:
        before_the_return(hospital)
    hospital.back()
    centre = FakeCentral(hospital.clock)
    nothing = ("upload/match_patient", "upload/advance_receipt_book")
    centre.answers |= {name: [] for name in (*nothing, *(f"blind_window/{one}" for one in BLIND))}
    outage = Outage(hospital, number, made, centre, Tables(centre))
    if refuse:
        used = {"receipt_no": made[0]["receipt_no"], "central_key": "SF900001"}
        centre.refuse(made[0]["id"], Refused("receipt_no_used", "in use", used))
        centre.refuse(made[1]["id"], Refused("price_gone", "stopped", {"item_code": "F002"}))
    return outage


BLIND = ("charge", "registration", "patient", "prescription")
