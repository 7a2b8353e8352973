"""P14 on the way back: one odd row of the centre's own stops no upload, and what is explained is not asked again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from fallback_server.domain.modes import Permit
from fallback_server.store.cash import receipt_number
from fallback_server.store.conflicts import list_conflicts
from fallback_server.store.returning import blind_row
from sync.central.fake import FakeCentral
from sync.reconcile.run import run_reconcile
from tests.fixtures_return import ADMIN, Desk, Tables
from tests.upload.test_conflicts import upload

pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


def theirs(**more: Any) -> dict[str, Any]:
    """A charge of the centre's own."""
    return {
        "central_key": "901", "patient_no": "P1001", "receipt_no": "A00015026", "total": "5.00", "yj_mark": 0,
        "occurred_at": "2026-11-23 08:10:00", "operator_code": "0201", "refund_of": None, **more,
    }  # fmt: skip


def test_a_row_that_the_centre_gives_twice_or_without_a_quantity_stops_nothing(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    desk.charge("P1001")
    desk.close()
    centre.answers["blind_window/charge"] = [theirs(), theirs(), theirs(central_key=None)]
    lines = [{"charge_key": "901", "item_code": "F001", "quantity": None, "name": "项目"}]
    centre.answers["blind_window/charge_line"] = lines
    assert upload(desk, centre).state == "done"
    with desk.store.reading() as tx:
        assert tx.conn.execute(select(blind_row.c.central_key)).scalars().all() == ["901"]


def test_a_skipped_number_that_the_account_found_at_the_centre_is_no_doubt_in_the_next_run(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    number = desk.open()
    desk.charge("P1003")
    desk.close()
    with desk.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        book = tx.conn.execute(select(receipt_number.c.book_id).limit(1)).scalar_one()
        skipped = {"receipt_no": "A00015026", "prefix": "A", "number": 15026, "state": "unknown", "book_id": book}
        tx.conn.execute(receipt_number.insert().values(**skipped, operator_code="0201", incident_no=number, at=tx.at))
    centre.answers["blind_window/charge"] = [theirs()]
    assert upload(desk, centre).complete
    run_reconcile(desk.store, centre, number)
    assert upload(desk, centre).complete
    with desk.store.reading() as tx:
        assert list_conflicts(tx.conn, number) == []
