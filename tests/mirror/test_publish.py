"""A run is published whole or not at all, and can be undone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from config.sections import Mirror
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import mirror as tables
from fallback_server.store.locks import single_instance
from fallback_server.store.mode import incident, mode
from fallback_server.store.session import Store, current_generation
from sync.central.fake import FakeCentral
from sync.central.gateway import Transient
from sync.mirror.rollback import go_back
from sync.mirror.run import RunReport, run_mirror
from sync.mirror.status import mirror_status
from sync.mirror.workspace import LOCK, transaction, workspace
from tests.mirror.hospital import drug, hospital, patient, published

Run = Callable[..., RunReport]


def one(store: Store, statement: object) -> object:
    with store.reading() as tx:
        return tx.conn.execute(statement).scalar()  # type: ignore[call-overload]


def test_every_dataset_is_published_with_its_rows_and_moment(store: Store, mirror: Run) -> None:
    report = mirror()
    assert report.state == "published" and report.generation == 1
    assert {name: counts["inserted"] for name, counts in report.counts.items()} == {
        name: len(rows) for name, rows in hospital().items()
    }
    with store.reading() as tx:
        states = tx.conn.execute(select(tables.dataset_state)).mappings().all()
    assert {state["dataset"] for state in states} == set(DATASETS)
    assert {state["as_of"] for state in states} == {"2026-11-23T08:00:00.000+08:00"}
    assert next(s["greatest_key"] for s in states if s["dataset"] == "patient") == "200"


def test_values_are_exact_and_ids_stay(store: Store, centre: FakeCentral, mirror: Run) -> None:
    mirror()
    before = published(store, "drug")[0]
    assert before["unit_price"] == Decimal("12.5000") and before["pinyin"] == "YP1" and before["active"] is True
    assert published(store, "drug_stock")[0]["qty"] == Decimal("30.00")
    assert published(store, "receipt_book")[0]["next_no"] == 17
    assert published(store, "fee_item")[0]["item_code"] == "F1"
    centre.datasets["drug"] = [drug(1, unit_price="13"), *hospital()["drug"][1:]]
    mirror()
    after = published(store, "drug")[0]
    assert after["unit_price"] == Decimal("13.0000") and after["id"] == before["id"]


def test_only_what_differs_is_written(centre: FakeCentral, mirror: Run) -> None:
    mirror()
    centre.datasets["patient"] = [patient(1, name="单小亮"), *hospital()["patient"][2:], patient(300)]
    counts = mirror("patient").counts["patient"]
    assert counts == {"read": 200, "rejected": 0, "inserted": 1, "updated": 1, "retired": 1}
    assert mirror("patient").counts["patient"] == {
        "read": 200,
        "rejected": 0,
        "inserted": 0,
        "updated": 0,
        "retired": 0,
    }


def test_a_run_that_breaks_in_the_middle_changes_nothing_and_says_why(
    store: Store, centre: FakeCentral, mirror: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror()
    centre.datasets["drug"] = [drug(1, name="改名"), *hospital()["drug"][1:]]
    broken = dict(centre.datasets)
    del broken["patient"]  # drugs have been read by then
    monkeypatch.setattr(centre, "offers", lambda: tuple(DATASETS))
    centre.datasets = broken
    report = mirror()
    assert (report.state, report.generation) == ("failed", None)
    assert report.problems[0]["kind"] == "misconfigured"
    assert published(store, "drug")[0]["name"] == "药品1"
    row = one(store, select(tables.run.c.state).where(tables.run.c.run_id == report.run_id))
    assert row == "failed"


def test_an_unreachable_centre_fails_the_run_only(store: Store, centre: FakeCentral, mirror: Run) -> None:
    mirror()
    centre.reachable = False
    report = mirror()
    assert report.state == "failed" and report.problems[0]["kind"] == "unreachable"
    assert len(published(store, "patient")) == 200
    centre.reachable = True
    assert mirror().published


def test_readers_see_the_old_generation_until_the_new_one_is_whole(
    store: Store, centre: FakeCentral, mirror: Run
) -> None:
    mirror()
    centre.datasets["drug"] = [drug(n, name="新") for n in range(1, 6)] + list(hospital()["drug"][5:])
    with store.reading() as tx:
        before = current_generation(tx.conn)
        runner = threading.Thread(target=mirror)
        runner.start()
        runner.join(60)
        names = set(tx.conn.execute(select(tables.datasets["drug"].c.name)).scalars())
        assert "新" not in names and current_generation(tx.conn) == before
    assert published(store, "drug")[0]["name"] == "新"


def test_going_back_restores_rows_and_state_exactly(
    store: Store, centre: FakeCentral, mirror: Run, clock: SettableClock
) -> None:
    mirror()
    first = {name: published(store, name) for name in DATASETS}
    state = published_state(store)
    clock.advance(60)
    centre.datasets["patient"] = [patient(1, name="改"), *hospital()["patient"][2:], patient(300)]
    centre.datasets["open_prescription"] = []
    centre.datasets["open_prescription_line"] = []
    mirror()
    assert published(store, "open_prescription") == []
    assert go_back(store, "A01") == 1
    assert {name: published(store, name) for name in DATASETS} == first
    assert published_state(store) == state
    assert mirror().generation == 3  # numbers are never used twice
    assert published(store, "patient")[-1]["name"] == "单小明"


def test_a_mirror_read_anew_uses_no_number_that_an_outage_was_kept_by(store: Store, mirror: Run) -> None:
    mirror()
    with store.writing(Permit.HOUSEKEEPING) as tx:
        tx.conn.execute(
            incident.insert().values(
                incident_no=1, state="closed", drill=False, cause="server", reason="x", epoch=1, generation=41,
                generation_as_of="x", opened_at="x", opened_by="A01",
            )
        )  # fmt: skip
    assert mirror().generation == 42


def published_state(store: Store) -> list[dict[str, object]]:
    with store.reading() as tx:
        rows = tx.conn.execute(select(tables.dataset_state).order_by(tables.dataset_state.c.dataset)).mappings()
        return [dict(row) for row in rows]


def test_there_is_nothing_before_the_first_generation(store: Store, mirror: Run) -> None:
    mirror()
    with pytest.raises(YjError, match="mirror_missing"):
        go_back(store, "A01")
    assert len(published(store, "drug")) == 100


def test_old_deltas_are_forgotten_but_not_those_an_unclosed_incident_needs(
    store: Store, centre: FakeCentral, rules: Mirror
) -> None:
    few = rules.model_copy(update={"generations_kept": 2})

    def publish(times: int) -> set[int]:
        for _ in range(times):
            run_mirror(store, centre, few, ["department"])
        with store.reading() as tx:
            return set(tx.conn.execute(select(tables.delta.c.generation).distinct()).scalars())

    assert publish(4) == {3, 4}
    with store.writing(Permit.HOUSEKEEPING) as tx:
        tx.conn.execute(
            incident.insert().values(
                incident_no=1, state="reconciling", drill=False, cause="server", reason="x", epoch=1, generation=3,
                generation_as_of="x", opened_at="x", opened_by="A01",
            )
        )  # fmt: skip
    assert publish(4) == {3, 4, 5, 6, 7, 8}
    with store.writing(Permit.HOUSEKEEPING) as tx:
        tx.conn.execute(incident.update().values(state="closed"))
    assert publish(1) == {8, 9}  # nothing pins it any more


def test_a_second_run_waits_for_the_first(store: Store, mirror: Run) -> None:
    done: list[float] = []
    with single_instance(store.url, LOCK):
        runner = threading.Thread(target=lambda: (mirror("department"), done.append(time.monotonic())))
        runner.start()
        time.sleep(0.4)
        assert done == []
        freed = time.monotonic()
    runner.join(60)
    assert done and done[0] >= freed


def test_a_run_of_a_dead_process_is_closed_by_the_next(store: Store, mirror: Run) -> None:
    mirror("department")
    with workspace(store.url) as connection, transaction(connection):
        connection.execute(tables.run.update().values(state="running"))
    mirror("department")
    with store.reading() as tx:
        rows = tx.conn.execute(select(tables.run.c.state, tables.run.c.problems).order_by(tables.run.c.run_id)).all()
    assert rows[0].state == "failed" and rows[0].problems[0]["kind"] == "interrupted"
    assert rows[1].state == "published"


def test_a_charge_is_not_blocked_while_the_mirror_is_being_written(
    store: Store, centre: FakeCentral, rules: Mirror
) -> None:
    """The run holds no lock in yj.db: writes of windows pass at any moment of it."""
    waits: list[float] = []

    def write(*_: object) -> None:
        begun = time.monotonic()
        with store.writing(Permit.HOUSEKEEPING) as tx:
            tx.conn.execute(mode.update().values(notice=f"{begun}"))
        waits.append(time.monotonic() - begun)

    assert run_mirror(store, centre, rules, progress=write).published
    assert len(waits) == len(DATASETS) + 1 and max(waits) < 10


def test_status_is_computed_from_the_tables(
    store: Store, mirror: Run, clock: SettableClock, rules: Mirror, centre: FakeCentral
) -> None:
    assert not mirror_status(store, rules).ok
    mirror()
    fresh = mirror_status(store, rules)
    assert fresh.ok and {each.stale for each in fresh.datasets} == {"ok"}
    clock.advance(15 * 60)
    assert {each.dataset for each in mirror_status(store, rules).datasets if each.stale == "warn"} >= {"open_order"}
    clock.advance(80 * 60)
    old = mirror_status(store, rules)
    assert not old.ok and all(each.stale == "fail" and each.age_seconds == 5700 for each in old.datasets)
    mirror()
    centre.datasets["drug"] = []
    mirror("drug")
    held = mirror_status(store, rules)
    assert not held.ok and held.last_run and held.last_run["state"] == "held" and len(held.held) == 1


def test_lines_are_read_with_their_heads(mirror: Run) -> None:
    assert mirror("open_order_line").datasets == ("open_order", "open_order_line")


def test_a_dataset_nobody_offers_is_a_mistake_of_the_caller(mirror: Run) -> None:
    with pytest.raises(ValueError, match="price_rule"):
        mirror("price_rule")


def test_the_row_of_a_run_says_what_was_read(store: Store, centre: FakeCentral, mirror: Run) -> None:
    report = mirror("drug", trigger="schedule", requested_by="worker")
    with store.reading() as tx:
        row = tx.conn.execute(select(tables.run)).mappings().one()
        assert tx.conn.execute(select(func.count()).select_from(tables.generation)).scalar() == 1
    assert row["trigger"] == "schedule" and row["requested_by"] == "worker" and row["datasets"] == ["drug"]
    assert row["counts"] == report.counts and row["as_of"] == report.as_of and row["finished_at"]
    assert set(row["seconds"]) >= {"read", "validate", "publish"}
    assert row["content_hash"] == report.content_hash and row["clock_offset_seconds"] == 0


def test_a_transient_error_fails_the_run(centre: FakeCentral, mirror: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def deadlock() -> object:
        raise Transient("deadlock")

    monkeypatch.setattr(centre, "probe", deadlock)
    assert mirror().state == "failed"
