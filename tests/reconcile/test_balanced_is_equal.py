"""P9: "balanced" means equal. What nobody listed may not hide behind three sums that differ."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from fallback_server.domain.clock import SettableClock
from fallback_server.store.returning import recovered
from sync.central.fake import FakeCentral
from sync.central.gateway import LedgerMode
from sync.reconcile.run import run_reconcile
from sync.upload.recover import recover
from tests.fixtures_return import PAIR, Desk, Tables
from tests.upload.test_recover import backup_of, came_back, upload

pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@pytest.fixture
def returned(desk: Desk, centre: FakeCentral, tables: Tables) -> Desk:
    """A visit and a charge, back at the centre."""
    desk.open()
    desk.visit("P1001")
    desk.charge("P1003", "10.00")
    desk.close()
    assert upload(desk, centre).complete
    tables.take()
    return desk


def listed(desk: Desk, centre: FakeCentral) -> list[tuple[str, str]]:
    report = run_reconcile(desk.store, centre, desk.incident_no)
    assert report.balanced is (not report.differences)
    return [(one["kind"], one["subject"]) for one in report.differences]


@pytest.mark.parametrize("number", ["YJ2611239990001", None])
def test_another_number_on_a_charge_of_ours_is_a_difference(
    returned: Desk, centre: FakeCentral, tables: Tables, number: str | None
) -> None:
    tables.charge[0]["yj_no"] = number
    assert [kind for kind, _ in listed(returned, centre)] == ["yj_no"]


def test_a_charge_that_belongs_to_nobody_any_more_is_a_difference(
    returned: Desk, centre: FakeCentral, tables: Tables
) -> None:
    tables.charge[0]["patient_key"] = None
    assert [kind for kind, _ in listed(returned, centre)] == ["patient"]


def test_sums_that_differ_without_a_document_are_a_difference_of_their_own(returned: Desk, centre: FakeCentral) -> None:
    one = next(row for row in centre.ledger.values() if row.entity == "charge" and row.amount == "10.00")
    centre.ledger[one.yj_id] = replace(one, entity="order")  # no column that is compared row by row
    report = run_reconcile(returned.store, centre, returned.incident_no)
    (found,) = report.differences
    assert (found["kind"], found["subject"]) == ("totals_apart", "2026-11-23/001/0201/total/all")
    assert (found["local"], found["central"]) == ({"amount": "34.68"}, {"central": "34.68", "ledger": "24.68"})
    assert not report.balanced
    assert report.layers[0]["differences"] == 1


def test_rows_of_two_tables_under_one_key_are_two_differences(
    returned: Desk, centre: FakeCentral, tables: Tables
) -> None:
    strange = {"central_key": "7001", "yj_no": None, "operator_code": "0201", "at": tables.charge[0]["at"]}
    money = {"occurred_at": strange["at"], "receipt_no": None, "total": Decimal("1.00"), "original_key": None}
    tables.charge.append({**strange, **money})
    tables.prescription.append({**strange, "status": "unpaid"})
    assert listed(returned, centre) == [("extra_at_centre", "7001"), ("extra_at_centre", "prescription:7001")]


@pytest.mark.parametrize("mode", [LedgerMode.PROCEDURE, LedgerMode.UNIQUE_COLUMN])
def test_without_a_ledger_what_this_store_lost_is_listed_all_the_same(
    desk: Desk, centre: FakeCentral, tables: Tables, clock: SettableClock, tmp_path: Path, mode: LedgerMode
) -> None:
    centre.ledger_mode = mode
    number = desk.open()
    desk.charge("P1001")
    backup = backup_of(desk, tmp_path)
    desk.charge("P1003", "12.00")
    desk.close()
    assert upload(desk, centre).complete
    with came_back(desk, backup, clock):
        desk.close()
        assert recover(desk.store, centre, number, PAIR, "恢复备份") is not None
        assert upload(desk, centre).complete
        report = run_reconcile(desk.store, centre, number)
        assert report.totals == {"local": "10.00", "ledger": None, "central": "22.00"}
        assert [(one["kind"], one["central"]["amount"]) for one in report.differences] == [("recovered", "12.00")]
        assert not report.balanced
        tables.charge[:] = [row for row in tables.charge if row["total"] != Decimal("12.00")]
        (gone,) = run_reconcile(desk.store, centre, number).differences
        assert (gone["kind"], gone["local"]["amount"]) == ("missing_at_centre", "12.00")


def test_what_both_sides_lost_one_after_the_other_is_still_listed(
    desk: Desk, centre: FakeCentral, tables: Tables, clock: SettableClock, tmp_path: Path
) -> None:
    number = desk.open()
    desk.charge("P1001")
    backup = backup_of(desk, tmp_path)
    desk.charge("P1003", "12.00")
    desk.close()
    assert upload(desk, centre).complete
    tables.take()
    with came_back(desk, backup, clock):
        desk.close()
        assert recover(desk.store, centre, number, PAIR, "恢复备份") is not None
        assert upload(desk, centre).complete
        with desk.store.reading() as tx:
            lost = tx.conn.execute(select(recovered)).one()
        centre.forget(lost.yj_id)
        tables.charge[:] = [row for row in tables.charge if row["central_key"] != lost.central_key]
        (found,) = run_reconcile(desk.store, centre, number).differences
        assert (found["kind"], found["local"]["amount"]) == ("ledger_missing", "12.00")
