"""How changes are found: by watermark between sweeps, by hash in a sweep, whole for small tables and lines."""

from __future__ import annotations

import weakref
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import pytest
from sqlalchemy import select

from config.sections import Mirror
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.errors import YjError
from fallback_server.store.mirror import dataset_state, delta
from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.central.gateway import DatasetHints, Unreachable
from sync.mirror import alarm, normalise, reading
from sync.mirror.known import Known
from sync.mirror.rollback import go_back
from sync.mirror.run import RunReport
from sync.mirror.status import mirror_status
from sync.mirror.watermark import changed_from, greatest, reached, usable
from tests.mirror.hospital import drug, patient, published

Run = Callable[..., RunReport]
NOTHING = {"rejected": 0, "inserted": 0, "updated": 0, "retired": 0}


@pytest.fixture(autouse=True)
def every_table_is_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sweeps are for large tables; here all are."""
    monkeypatch.setattr(reading, "SWEEP_FROM_ROWS", 0)
    yield


def marked(number: int, at: str | None, **values: Any) -> dict[str, Any]:
    return patient(number, **values) | {"changed_at": at}


@pytest.fixture
def marked_centre(centre: FakeCentral) -> FakeCentral:
    """Patients with a change time, the last at 07:59 of the day the clock stands at 08:00."""
    centre.dataset_hints["patient"] = DatasetHints(watermark="changed_at")
    centre.datasets["patient"] = [
        marked(number, "2026-11-20 12:00:00" if number < 200 else "2026-11-23 07:59:00") for number in range(1, 201)
    ]
    return centre


def state(store: Store, name: str = "patient") -> dict[str, Any]:
    with store.reading() as tx:
        row = tx.conn.execute(select(dataset_state).where(dataset_state.c.dataset == name)).mappings().one()
        return dict(row)


def change(centre: FakeCentral, number: int, at: str | None, **values: Any) -> None:
    rows = [row for row in centre.datasets["patient"] if row["patient_no"] != str(number)]
    centre.datasets["patient"] = [*rows, marked(number, at, **values)]


def test_with_a_watermark_only_what_changed_is_read(store: Store, marked_centre: FakeCentral, mirror: Run) -> None:
    mirror("patient")
    assert state(store)["watermark"] == "2026-11-23 07:59:00"
    change(marked_centre, 7, "2026-11-23 07:59:30", name="新名字")
    change(marked_centre, 300, "2026-11-23 07:59:40")
    report = mirror("patient")
    assert report.published and report.counts["patient"] == {
        "read": 3, "rejected": 0, "inserted": 1, "updated": 1, "retired": 0,
    }  # fmt: skip
    assert state(store)["watermark"] == "2026-11-23 07:59:40" and state(store)["rows"] == 201
    assert next(row for row in published(store, "patient") if row["patient_no"] == "7")["name"] == "新名字"


def test_what_a_sweep_was_held_for_waits_whatever_is_published_of_changes(
    store: Store, marked_centre: FakeCentral, mirror: Run, clock: SettableClock
) -> None:
    mirror("patient")
    whole = list(marked_centre.datasets["patient"])
    marked_centre.datasets["patient"] = whole[60:]
    clock.advance(60)
    held = mirror("patient", sweep=["patient"])
    assert held.state == "held" and "shrunk" in [problem["kind"] for problem in held.problems]
    for minute in range(2):
        clock.advance(30 * 60)
        change(marked_centre, 150 + minute, "2026-11-23 07:59:50", name="新名字")
        report = mirror("patient")
        assert report.published and report.counts["patient"]["retired"] == 0
        assert [row["run_id"] for row in mirror_status(store, Mirror()).held] == [held.run_id]
        trouble = alarm.look(store, Mirror())["master"]
        assert trouble.kind.startswith("held-") and trouble.run_id == held.run_id
    assert len(published(store, "patient")) == 200
    marked_centre.datasets["patient"] = whole
    clock.advance(60)
    assert mirror("patient", sweep=["patient"]).published
    assert not mirror_status(store, Mirror()).held and "master" not in alarm.look(store, Mirror())


def test_a_run_of_changes_that_was_held_is_settled_by_the_next_that_is_published(
    store: Store, marked_centre: FakeCentral, mirror: Run, clock: SettableClock
) -> None:
    mirror("patient")
    for number in range(1, 101):
        change(marked_centre, number, "2026-11-23 07:59:50", name="\ufffd")
    assert mirror("patient").state == "held" and mirror_status(store, Mirror()).held
    for number in range(1, 101):
        change(marked_centre, number, "2026-11-23 07:59:50")
    clock.advance(60)
    assert mirror("patient").published
    assert not mirror_status(store, Mirror()).held and "master" not in alarm.look(store, Mirror())


def test_a_row_committed_late_with_an_older_time_is_found_in_the_overlap(
    store: Store, marked_centre: FakeCentral, mirror: Run
) -> None:
    mirror("patient")
    change(marked_centre, 8, "2026-11-23 07:50:00", name="晚到")
    assert mirror("patient").counts["patient"]["updated"] == 1
    change(marked_centre, 9, "2026-11-23 07:30:00", name="更晚")
    assert mirror("patient").counts["patient"]["updated"] == 0  # beyond the overlap …
    assert mirror("patient", sweep=["patient"]).counts["patient"]["updated"] == 1  # … the sweep finds it


def test_the_watermark_waits_for_the_oldest_running_transaction(
    store: Store, marked_centre: FakeCentral, mirror: Run
) -> None:
    marked_centre.oldest_running = datetime.fromisoformat("2026-11-23T07:10:00+08:00")
    mirror("patient")
    assert state(store)["watermark"] == "2026-11-23 07:10:00"
    change(marked_centre, 8, "2026-11-23 07:12:00", name="刚提交")
    marked_centre.oldest_running = None
    assert mirror("patient").counts["patient"]["updated"] == 1


def test_a_time_in_the_future_does_not_carry_the_watermark_away(
    store: Store, marked_centre: FakeCentral, mirror: Run
) -> None:
    change(marked_centre, 8, "2099-01-01 00:00:00")
    mirror("patient")
    assert state(store)["watermark"] == "2026-11-23 08:00:00"


def test_only_a_sweep_finds_what_vanished(store: Store, marked_centre: FakeCentral, mirror: Run) -> None:
    mirror("patient")
    marked_centre.datasets["patient"] = marked_centre.datasets["patient"][1:]
    assert mirror("patient").counts["patient"] == {"read": 1, **NOTHING}
    swept = state(store)["swept_at"]
    report = mirror("patient", sweep=["patient"])
    assert report.counts["patient"] == {"read": 199, **NOTHING, "retired": 1}
    assert state(store)["rows"] == len(published(store, "patient")) == 199 and state(store)["swept_at"] >= swept


def test_without_a_watermark_every_run_sweeps(store: Store, centre: FakeCentral, mirror: Run) -> None:
    mirror("patient")
    centre.datasets["patient"] = [patient(2, name="改"), *centre.datasets["patient"][2:], patient(500)]
    report = mirror("patient")
    assert report.counts["patient"] == {"read": 200, "rejected": 0, "inserted": 1, "updated": 1, "retired": 1}
    assert mirror("patient").counts["patient"] == {"read": 200, **NOTHING}
    assert {row["patient_no"] for row in published(store, "patient")} == {str(n) for n in range(2, 201)} | {"500"}


@pytest.mark.parametrize("other", [{}, {"name": "另一个"}])
def test_a_sweep_sees_a_key_that_stands_there_twice(centre: FakeCentral, mirror: Run, other: dict[str, Any]) -> None:
    mirror("drug")
    centre.datasets["drug"] = [*centre.datasets["drug"], drug(7, **other)]
    report = mirror("drug")
    assert (report.state, [problem["kind"] for problem in report.problems]) == ("held", ["duplicate_keys"])


def test_a_first_load_with_a_key_twice_is_held_and_leaves_nothing(
    store: Store, centre: FakeCentral, mirror: Run
) -> None:
    centre.datasets["drug"] = [*centre.datasets["drug"], drug(7, name="另一个")]
    report = mirror()
    assert (report.state, [problem["kind"] for problem in report.problems]) == ("held", ["duplicate_keys"])
    assert not published(store, "drug") and not published(store, "patient")
    assert mirror(approve=report.run_id, approved_reason="known").state == "published"
    assert len(published(store, "drug")) == 100


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_connection_cut_at_any_page_leaves_the_mirror_as_it_was(
    store: Store, centre: FakeCentral, mirror: Run, page: int, first: bool
) -> None:
    centre.page_rows = 80
    if not first:
        mirror()
    before = published(store, "patient")
    centre.datasets["patient"] = [patient(n, phone=f"139{n:08d}") for n in range(1, 21)] + [
        *centre.datasets["patient"][20:]
    ]
    centre.fail_at_page("patient", page, Unreachable("cut"))
    assert mirror().state == "failed" and published(store, "patient") == before
    assert mirror().published and len(published(store, "patient")) == 200


def test_new_rules_rewrite_every_row_and_hold_nothing(
    store: Store, marked_centre: FakeCentral, mirror: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror("patient")
    for module in ("normalise", "reading", "publish", "validate"):
        monkeypatch.setattr(f"sync.mirror.{module}.RULES_VERSION", normalise.RULES_VERSION + 1, raising=True)
    for module in ("normalise", "columns", "pull"):
        monkeypatch.setattr(f"sync.mirror.{module}.SALT", b"yj-rules-next")
    report = mirror("patient")
    assert report.published and report.counts["patient"] == {"read": 200, **NOTHING, "updated": 200}
    assert mirror("patient").counts["patient"]["read"] == 1


def test_other_column_types_hold_a_run_and_can_be_approved(store: Store, centre: FakeCentral, mirror: Run) -> None:
    centre.shapes["drug"] = "drug_code varchar(10)\nname varchar(60)"
    mirror("drug")
    centre.shapes["drug"] = "drug_code varchar(10)\nname varchar(30)"
    report = mirror("drug")
    problem = report.problems[0]
    assert (report.state, problem["kind"]) == ("held", "columns_changed")
    assert problem["examples"] == ["- name varchar(60)", "+ name varchar(30)"]
    assert mirror(approve=report.run_id, approved_reason="the vendor said so").published
    assert mirror("drug").published


def test_what_holds_a_run_is_shown_by_examples(centre: FakeCentral, mirror: Run) -> None:
    mirror("drug", "patient")
    centre.datasets["drug"] = [drug(n, unit_price="1250") for n in range(1, 8)] + [*centre.datasets["drug"][7:]]
    centre.datasets["patient"] = [patient(n, phone="13900000000") for n in range(1, 201)]
    shown = {problem["kind"]: problem["examples"] for problem in mirror("drug", "patient").problems}
    assert shown["wild_prices"][0].endswith(": unit_price 12.5000 → 1250.0000") and "药品" in shown["wild_prices"][0]
    # Of patients neither name nor number: such sentences are logged.
    assert len(shown["much_changed"]) == 5 and all(line.endswith(": phone") for line in shown["much_changed"])


def test_what_a_sweep_found_is_approved_by_a_sweep(store: Store, marked_centre: FakeCentral, mirror: Run) -> None:
    mirror("patient")
    marked_centre.datasets["patient"] = marked_centre.datasets["patient"][10:]
    report = mirror("patient", sweep=["patient"])
    assert (report.state, report.problems[0]["kind"]) == ("held", "shrunk")
    assert report.problems[0]["numbers"] == {"published": 200, "gone": 10}
    approved = mirror(approve=report.run_id, approved_reason="they were test patients")
    assert approved.published and approved.counts["patient"]["retired"] == 10
    assert len(published(store, "patient")) == 190


def test_going_back_takes_the_watermark_back_too(
    store: Store, marked_centre: FakeCentral, mirror: Run, clock: SettableClock
) -> None:
    mirror("patient")
    before = state(store)
    clock.at += timedelta(minutes=30)
    change(marked_centre, 7, "2026-11-23 08:20:00", name="新名字")
    mirror("patient")
    assert state(store)["watermark"] == "2026-11-23 08:20:00"
    go_back(store, "admin")
    assert state(store) == before
    assert mirror("patient").counts["patient"]["updated"] == 1
    with pytest.raises(YjError):
        [go_back(store, "admin") for _ in range(3)]


def test_deltas_hold_only_what_a_watermark_run_changed(store: Store, marked_centre: FakeCentral, mirror: Run) -> None:
    mirror("patient")
    change(marked_centre, 7, "2026-11-23 07:59:30", name="新名字")
    generation = mirror("patient").generation
    with store.reading() as tx:
        rows = tx.conn.execute(select(delta.c.row_id).where(delta.c.generation == generation)).scalars().all()
    assert len(rows) == 2  # the row, and the state of its dataset


def test_pages_bound_what_a_run_holds_in_memory(centre: FakeCentral, mirror: Run) -> None:
    """No page is kept: of a table of any size a run sees one page at a time."""

    class Page(list[Any]):
        """A list that can be watched."""

    alive: list[weakref.ref[Any]] = []
    most = 0

    rows = [tuple(row.values()) for row in (patient(n) for n in range(1, 401))]

    class Snapshot:
        as_of = centre.clock.now()
        oldest_running = row_version_limit = None
        one_moment = True

        def shape(self, dataset: str) -> None:
            return None

        def pages(self, dataset: str, binds: Any = None, *, changed: bool = False) -> Iterator[Any]:
            nonlocal most
            for start in range(0, 400, 20):
                page = Page(rows[start : start + 20])
                alive.append(weakref.ref(page))
                yield page
                del page
                most = max(most, sum(one() is not None for one in alive))

    @contextmanager
    def snapshot() -> Iterator[Any]:
        yield Snapshot()

    centre.snapshot = snapshot  # type: ignore[method-assign]
    assert mirror("patient").published and mirror("patient").counts["patient"] == {"read": 400, **NOTHING}
    assert most <= 2


@pytest.mark.parametrize(
    ("kind", "values", "found"),
    [
        ("time", ["2026-11-23 08:00:00", "2026-11-23 09:00:00", None, "", "x"], "2026-11-23 09:00:00"),
        ("time", ["2026112308:00:00"], "2026-11-23 08:00:00"),
        ("time", [datetime(2026, 11, 23, 8)], "2026-11-23 08:00:00"),  # noqa: DTZ001
        ("time", ["2026-02-30 08:00:00"], None),
        ("number", [9, "10", None, b"\x00\x0b"], "11"),
        ("number", ["x"], None),
    ],
)
def test_the_greatest_watermark_of_a_column(kind: Any, values: list[Any], found: str | None) -> None:
    assert greatest(kind, values) == found


@pytest.mark.parametrize(
    ("kind", "before", "seen", "bound", "after"),
    [
        ("number", None, "120", "100", "100"),
        ("number", "90", None, "100", "90"),
        ("number", "90", "95", None, "95"),
        ("number", "95", "96", "90", "95"),
        ("number", None, None, "100", None),
        ("time", None, None, "2026-11-23 08:00:00", "2026-11-23 08:00:00"),
        ("time", "2026-11-23 07:00:00", None, "2026-11-23 08:00:00", "2026-11-23 07:00:00"),
    ],
)
def test_how_far_a_watermark_may_go(
    kind: Any, before: str | None, seen: str | None, bound: str | None, after: str | None
) -> None:
    assert reached(kind, before, seen, bound) == after


def test_the_next_read_begins_ten_minutes_before_a_time_and_at_a_number() -> None:
    assert changed_from("time", "2026-11-23 00:05:00") == "2026-11-22 23:55:00"
    assert changed_from("number", "42") == "42"
    assert usable("number", "2026-11-23 00:05:00") is None and usable("time", "42") is None


def test_hashes_are_known_exactly_and_take_nine_bytes_a_row() -> None:
    digests = [blake2b(str(number).encode(), digest_size=8).digest() for number in range(5000)]
    known = Known(array("Q", sorted(int.from_bytes(digest, "big") for digest in digests[:4000])))
    unknown, again = known.meet(digests[1000:])
    assert unknown == [False] * 3000 + [True] * 1000 and not again
    assert sorted(known.unmet()) == sorted(digest.hex() for digest in digests[:1000])
    assert known.meet(digests[2000:2001]) == ([False], [0])
    assert known.hashes.itemsize * len(known.hashes) + len(known.met) == 9 * 4000
