"""A run that looks wrong is held whole and changes nothing, until a person approves exactly what they saw (P6)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from fallback_server.domain.errors import YjError
from fallback_server.store.audit import audit
from fallback_server.store.mirror import rejection, run
from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.central.gateway import ColumnMissing, DatasetHints
from sync.mirror.run import RunReport
from tests.mirror.hospital import drug, hospital, patient, prescription, prescription_line, published, row

Run = Callable[..., RunReport]


def drugs(count: int, **values: Any) -> list[dict[str, Any]]:
    return [drug(n, **values) for n in range(1, count + 1)]


def kinds(report: RunReport) -> list[str]:
    return [problem["kind"] for problem in report.problems]


def test_an_emptied_list_is_held_and_the_old_one_stays(store: Store, centre: FakeCentral, mirror: Run) -> None:
    mirror()
    centre.datasets["drug"] = []
    report = mirror()
    assert (report.state, kinds(report), report.generation) == ("held", ["emptied"], None)
    assert len(published(store, "drug")) == 100


def test_a_list_that_may_be_empty_by_the_mapping_is_published_empty(
    store: Store, centre: FakeCentral, mirror: Run
) -> None:
    mirror()
    centre.datasets["schedule"] = []
    assert mirror("schedule").state == "held"
    centre.dataset_hints["schedule"] = DatasetHints(may_be_empty=True)
    assert mirror("schedule").published and published(store, "schedule") == []


@pytest.mark.parametrize(("left", "state"), [(95, "published"), (94, "held")])
def test_drugs_may_shrink_by_five_per_cent(centre: FakeCentral, mirror: Run, left: int, state: str) -> None:
    mirror("drug")
    centre.datasets["drug"] = drugs(left)
    report = mirror("drug")
    assert report.state == state and kinds(report) == ([] if state == "published" else ["shrunk"])


@pytest.mark.parametrize(("left", "state"), [(594, "published"), (593, "held")])
def test_patients_may_shrink_by_one_per_cent(centre: FakeCentral, mirror: Run, left: int, state: str) -> None:
    centre.datasets["patient"] = [patient(n) for n in range(1, 601)]
    mirror("patient")
    centre.datasets["patient"] = [patient(n) for n in range(601 - left, 601)]
    report = mirror("patient")
    assert report.state == state and kinds(report) == ([] if state == "published" else ["shrunk"])


@pytest.mark.parametrize(("changed", "state"), [(20, "published"), (21, "held")])
def test_a_fifth_of_a_list_may_change_at_once(centre: FakeCentral, mirror: Run, changed: int, state: str) -> None:
    mirror("drug")
    centre.datasets["drug"] = drugs(changed, name="改名") + drugs(100)[changed:]
    report = mirror("drug")
    assert report.state == state and kinds(report) == ([] if state == "published" else ["much_changed"])


@pytest.mark.parametrize(
    ("price", "rows", "state"),
    [("125", 5, "published"), ("125", 6, "held"), ("1.25", 6, "held"), ("0", 6, "held"), ("124", 6, "published")],
)
def test_prices_times_ten_on_more_than_five_rows_are_held(
    centre: FakeCentral, mirror: Run, price: str, rows: int, state: str
) -> None:
    mirror("drug")
    centre.datasets["drug"] = drugs(rows, unit_price=Decimal(price)) + drugs(100)[rows:]
    report = mirror("drug")
    assert report.state == state and kinds(report) == ([] if state == "published" else ["wild_prices"])


def test_duplicate_and_missing_keys_are_held(centre: FakeCentral, mirror: Run) -> None:
    centre.datasets["drug"] = [*drugs(100), drug(7, name="又一个")]
    assert kinds(mirror("drug")) == ["duplicate_keys"]
    centre.datasets["drug"] = [*drugs(100), drug(101) | {"drug_code": None}]
    assert kinds(mirror("drug")) == ["null_keys"]


def test_a_column_that_is_gone_is_held_and_cannot_be_approved(
    store: Store, centre: FakeCentral, mirror: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror("drug")

    def gone(*_: object, **__: object) -> object:
        raise ColumnMissing("mirror/drug.sql: the columns spec are missing")

    monkeypatch.setattr("sync.central.fake.FakeSnapshot.pages", gone)
    report = mirror("drug")
    assert (report.state, kinds(report)) == ("held", ["column_missing"])
    assert mirror(approve=report.run_id, approved_reason="x").state == "held"
    assert len(published(store, "drug")) == 100


def test_garbled_text_in_many_rows_is_held_and_in_few_is_set_aside(
    store: Store, centre: FakeCentral, mirror: Run
) -> None:
    mirror("drug")
    centre.datasets["drug"] = drugs(2, name="阿\ufffd西林") + drugs(100)[2:]
    report = mirror("drug")
    assert report.published and report.counts["drug"]["rejected"] == 2
    assert published(store, "drug")[0]["name"] == "药品1"  # the last good version stays
    centre.datasets["drug"] = drugs(60, name="阿\ufffd西林") + drugs(100)[60:]
    assert set(kinds(mirror("drug"))) == {"many_rejected", "garbled_text"}


def test_one_bad_row_is_set_aside_named_and_counted(store: Store, centre: FakeCentral, mirror: Run) -> None:
    centre.datasets["patient"] = [patient(n) for n in range(1, 200)] + [patient(200, sex="?")]
    report = mirror()
    assert report.published and report.counts["patient"] == {
        "read": 200, "rejected": 1, "inserted": 199, "updated": 0, "retired": 0,
    }  # fmt: skip
    with store.reading() as tx:
        found = tx.conn.execute(select(rejection)).mappings().one()
    assert (found["run_id"], found["dataset"], found["row_key"], found["reason"]) == (
        report.run_id, "patient", "200", "unknown_value",
    )  # fmt: skip


def test_lines_without_a_head_are_set_aside(store: Store, centre: FakeCentral, mirror: Run) -> None:
    centre.datasets["open_prescription_line"] = [prescription_line(501, 1), prescription_line(999, 1)]
    report = mirror()
    assert report.published and report.counts["open_prescription_line"]["rejected"] == 1
    assert [line["prescription_key"] for line in published(store, "open_prescription_line")] == ["501"]


def test_a_line_that_cannot_be_taken_does_not_stay_without_its_head(
    store: Store, centre: FakeCentral, mirror: Run
) -> None:
    centre.datasets["open_prescription"] = [prescription(501), prescription(502)]
    centre.datasets["open_prescription_line"] = [prescription_line(501, 1), prescription_line(502, 1)]
    mirror()
    centre.datasets["open_prescription"] = [prescription(501)]
    centre.datasets["open_prescription_line"] = [prescription_line(501, 1), prescription_line(502, 1, amount="-3")]
    assert mirror().published
    assert [line["prescription_key"] for line in published(store, "open_prescription_line")] == ["501"]


def test_stock_and_books_change_all_day_and_are_not_held(centre: FakeCentral, mirror: Run) -> None:
    def stock(quantity: int) -> list[dict[str, Any]]:
        return [row("drug_stock", pharmacy_code="Y", drug_code=str(n), qty=quantity, active=1) for n in range(100)]

    centre.datasets["drug_stock"] = stock(5)
    mirror("drug_stock")
    centre.datasets["drug_stock"] = stock(4)[:50]
    assert mirror("drug_stock").published


def test_one_of_few_rows_may_always_go(centre: FakeCentral, mirror: Run) -> None:
    def departments(count: int) -> list[dict[str, Any]]:
        return [row("department", department_code=f"{n}", name="科", kind="other", active=1) for n in range(count)]

    centre.datasets["department"] = departments(10)
    mirror("department")
    centre.datasets["department"] = departments(9)
    assert mirror("department").published


def test_the_mapping_can_set_other_guards(centre: FakeCentral, mirror: Run) -> None:
    mirror("drug")
    centre.datasets["drug"] = drugs(60)
    centre.dataset_hints["drug"] = DatasetHints(shrink_percent=50, changed_percent=50)
    assert mirror("drug").published


def test_a_held_run_is_published_when_a_person_approves_what_they_saw(
    store: Store, centre: FakeCentral, mirror: Run
) -> None:
    mirror()
    centre.datasets["drug"] = drugs(100, unit_price="99.9")
    held = mirror()
    assert held.state == "held" and held.content_hash
    centre.datasets["patient"] = [*hospital()["patient"], patient(201)]  # life goes on elsewhere
    approved = mirror(approve=held.run_id, requested_by="A01", approved_reason="new price list")
    assert approved.published and kinds(approved) == ["much_changed"]
    assert published(store, "drug")[0]["unit_price"] == Decimal("99.9000")
    with store.reading() as tx:
        found = tx.conn.execute(select(run).where(run.c.run_id == approved.run_id)).mappings().one()
        noted = tx.conn.execute(select(audit.c.subject).where(audit.c.action == "mirror.approve")).scalars().all()
    assert (found["trigger"], found["approved_by"], found["approved_reason"]) == ("approved", "A01", "new price list")
    assert noted == [str(held.run_id)]


def test_other_contents_than_those_approved_are_held_again(store: Store, centre: FakeCentral, mirror: Run) -> None:
    mirror()
    centre.datasets["drug"] = drugs(100, unit_price="99.9")
    held = mirror()
    centre.datasets["drug"] = drugs(100, unit_price="999")
    again = mirror(approve=held.run_id, requested_by="A01", approved_reason="x")
    assert again.state == "held" and again.run_id != held.run_id
    assert published(store, "drug")[0]["unit_price"] == Decimal("12.5000")


def test_only_a_held_run_can_be_approved(mirror: Run) -> None:
    done = mirror("department")
    for number, code in ((done.run_id, "run_not_held"), (99, "run_not_found")):
        with pytest.raises(YjError, match=code):
            mirror(approve=number)


@pytest.mark.parametrize(("offset", "state"), [(29, "published"), (40, "published"), (301, "held")])
def test_a_wrong_clock_warns_and_then_holds(centre: FakeCentral, mirror: Run, offset: int, state: str) -> None:
    centre.clock_offset_seconds = offset
    report = mirror("department")
    assert report.state == state and report.clock_offset_seconds == offset
    assert kinds(report) == (["clock_offset"] if offset > 30 else [])
