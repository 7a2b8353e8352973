"""When the mirror runs again: retries, thaw, the centre's return, and what a second outage does to an upload."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.sections import Mirror
from config.settings import Settings
from fallback_server.domain.clock import SettableClock, to_text
from fallback_server.domain.modes import Permit
from fallback_server.store import alarms, jobs
from fallback_server.store.audit import audit
from fallback_server.store.mirror import run
from fallback_server.store.mode_switch import begin_return, enter_emergency, release
from fallback_server.store.session import Actor, Store, oldest_as_of
from sync.central.fake import FakeCentral
from sync.central.gateway import DatasetHints
from sync.mirror import alarm, watch
from sync.mirror.refresh import refresh
from sync.mirror.status import mirror_status
from sync.worker import Centre, Worker
from sync.worker.plan import Plan, due_sweeps, within
from sync.worker.sweeps import Sweeps
from sync.worker.timetable import Timetable
from tests.mirror.hospital import published

ADMIN = Actor("0801", "卫信息", frozenset({"admin"}), "W1", approver_code="0701")
MORNING = datetime.fromisoformat("2026-11-23T08:00:00+08:00")


@pytest.fixture
def settings(store: Store, tmp_path: Path) -> Settings:
    return Settings.model_validate({"home": tmp_path, "database": {"url": store.url}})


@pytest.fixture
def worker(store: Store, centre: FakeCentral, settings: Settings) -> Worker:
    return Worker(store, Centre(lambda: centre), settings, threading.Event())


@pytest.fixture
def timetable(worker: Worker) -> Iterator[Timetable]:
    """Everything planned as in the process, with only the runs it is told to do: its clock is stopped."""
    made = Timetable(worker)
    for group in made.plan.intervals:
        made._every(made.plan.intervals[group], made._run, group, MORNING + timedelta(days=3650), args=(group,))
    made.scheduler.start(paused=True)
    yield made
    made.shut()


def next_in(timetable: Timetable, group: str) -> float:
    """Seconds until the group's next run."""
    job = timetable.scheduler.get_job(group)
    return float((job.next_run_time - timetable._clock.now()).total_seconds())


def states(store: Store) -> list[tuple[str, int]]:
    with store.reading() as tx:
        found = tx.conn.execute(select(run.c.state, run.c.datasets).order_by(run.c.run_id)).all()
    return [(row.state, len(row.datasets)) for row in found]


# -- decisions --------------------------------------------------------------------------------------------------------


def test_a_failed_run_is_tried_again_sooner_at_growing_distances_and_never_later() -> None:
    plan = Plan({"open": 300.0, "master": 1800.0})
    assert [plan.after("open", "failed") for _ in range(4)] == [60.0, 120.0, 240.0, None]
    assert [plan.after("master", "failed") for _ in range(6)] == [60.0, 120.0, 240.0, 480.0, 960.0, None]
    assert plan.after("open", "published") is None and plan.after("open", "failed") == 60.0
    assert plan.failing() == ["open", "master"]
    for state in ("held", "stopped", "skipped"):
        assert plan.after("open", state) is None


def test_allowed_hours_may_pass_midnight() -> None:
    spans, at = ["22:00-06:00", "12:30-13:00"], datetime.fromisoformat
    allowed = {
        "22:00": True,
        "23:59": True,
        "05:59": True,
        "06:00": False,
        "12:29": False,
        "12:30": True,
        "13:00": False,
    }
    for text, expected in allowed.items():
        assert within(spans, at(f"2026-11-23T{text}").time()) is expected, text


def test_what_was_compared_longest_ago_comes_first_and_nothing_twice_a_night() -> None:
    swept = {"drug": MORNING - timedelta(hours=30), "patient": MORNING - timedelta(hours=50), "staff": MORNING}
    assert due_sweeps(("drug", "patient", "staff", "fee_item"), swept, MORNING) == ["fee_item", "patient", "drug"]


# -- the timetable ----------------------------------------------------------------------------------------------------


def test_every_interval_is_that_of_the_settings(worker: Worker, store: Store, tmp_path: Path) -> None:
    assert Timetable(worker).plan.intervals == {"master": 1800.0, "open": 300.0}
    own = {"interval_minutes": 7, "open_work_interval_minutes": 1}
    worker.settings = Settings.model_validate({"home": tmp_path, "database": {"url": store.url}, "mirror": own})
    assert Timetable(worker).plan.intervals == {"master": 420.0, "open": 60.0}


def test_a_centre_down_at_the_tick_is_one_alarm_and_mends_itself(
    store: Store, worker: Worker, timetable: Timetable, centre: FakeCentral, clock: SettableClock
) -> None:
    timetable._run("master")
    timetable._probe()
    centre.reachable = False
    timetable._run("open")
    assert next_in(timetable, "open") == pytest.approx(60, abs=5)
    for _ in range(3):
        clock.advance(10)
        timetable._probe()
        timetable._run("open")
        timetable._run("master")
        worker.judge_mirror()
    centre.reachable = True
    clock.advance(10)
    timetable._probe()
    assert max(next_in(timetable, "open"), next_in(timetable, "master")) < 5  # not only at their next times
    timetable._run("open")
    timetable._run("master")
    assert [state for state, _ in states(store)][-2:] == ["published", "published"]
    for _ in range(6):
        clock.advance(10)
        timetable._probe()
    with store.reading() as tx:
        said = list(tx.conn.execute(select(audit.c.action).order_by(audit.c.sequence)).scalars())
        assert alarms.on(tx.conn) == []
    assert [action for action in said if action in ("centre.lost", "centre.back", "alarm.on")] == [
        "centre.lost", "centre.back",
    ]  # fmt: skip


def test_a_worker_that_starts_in_an_outage_says_nothing_twice(
    store: Store, centre: FakeCentral, settings: Settings, clock: SettableClock
) -> None:
    def started() -> bool:
        clock.advance(10)
        return Worker(store, Centre(lambda: centre), settings, threading.Event()).probe()

    centre.reachable = False
    assert not any(started() for _ in range(3))
    centre.reachable = True
    assert [started() for _ in range(8)] == [True] + [False] * 7
    with store.reading() as tx:
        said = tx.conn.execute(select(audit.c.action).order_by(audit.c.sequence)).scalars()
        assert list(said) == ["centre.lost", "centre.back"]


def test_a_slow_centre_is_waited_for(store: Store, centre: FakeCentral, timetable: Timetable) -> None:
    centre.delay_seconds = 0.3
    timetable._run("master")
    timetable._probe()
    assert [state for state, _ in states(store)] == ["published"]
    centre.reachable = False
    timetable._run("master")
    centre.delay_seconds, centre.reachable = 0.0, True
    timetable._run("master")
    assert [state for state, _ in states(store)] == ["published", "failed", "published"]


def test_a_frozen_group_goes_on_as_soon_as_it_may(store: Store, timetable: Timetable) -> None:
    timetable._run("master")
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        enter_emergency(tx, cause="server", reason="x", departments=None, drill=False)
    timetable._run("master")
    timetable._thaw()
    assert next_in(timetable, "master") > 60
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        begin_return(tx, upload=False, grace_seconds=0, hold_seconds=0)
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        release(tx, "x")
    timetable._thaw()
    assert next_in(timetable, "master") < 5
    timetable._run("master")
    assert [state for state, _ in states(store)] == ["published", "frozen", "published"]


def test_a_clock_stepped_back_stops_nothing(store: Store, timetable: Timetable, clock: SettableClock) -> None:
    """The standby's clock is corrected by two hours: the timetable waits by its own, and ages are never negative."""
    timetable._run("master")
    clock.advance(-7200)
    timetable._run("master")
    assert [state for state, _ in states(store)] == ["published", "published"]
    found = mirror_status(store, Mirror())
    assert found.ok is True and {one.age_seconds for one in found.datasets} == {0}


# -- uploads and a second outage --------------------------------------------------------------------------------------


def test_an_upload_that_a_new_outage_stopped_is_asked_for_when_that_is_over(store: Store, worker: Worker) -> None:
    worker.mirror(None)
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        enter_emergency(tx, cause="server", reason="x", departments=None, drill=False)
    worker.upload_later(1, 0.0)
    for _ in range(3):
        worker.tick()
        assert jobs.claim(store) is None
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        begin_return(tx, upload=False, grace_seconds=60, hold_seconds=0)
    worker.tick()
    worker.tick()
    claimed = jobs.claim(store)
    assert claimed is not None and claimed.arguments == {"incident_no": 1} and jobs.claim(store) is None


def test_a_drill_stops_no_upload(store: Store, worker: Worker) -> None:
    worker.mirror(None)
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        enter_emergency(tx, cause="server", reason="x", departments=None, drill=True)
    worker.upload_later(1, 0.0)
    worker.tick()
    assert jobs.claim(store) is not None


# -- one at a time ----------------------------------------------------------------------------------------------------


def test_now_queues_at_most_one_more_and_it_is_wide_enough(store: Store) -> None:
    def ask(*names: str) -> int:
        with store.writing(Permit.HOUSEKEEPING) as tx:
            return jobs.enqueue_refresh(tx, names or None, "A01")

    first = ask("drug")
    running = jobs.claim(store)
    assert running is not None and running.id == first
    second = ask("drug")
    assert {ask("patient"), ask("drug", "staff")} == {second} != {first}
    with store.reading() as tx:
        assert (jobs.find(tx.conn, second) or {})["arguments"] == {"datasets": ["drug", "patient", "staff"]}
    assert ask() == second
    assert ask("drug") == second
    claimed = jobs.claim(store)
    assert claimed is not None and claimed.arguments == {"datasets": None} and jobs.claim(store) is None


def test_an_approval_is_never_swallowed_by_a_refresh(store: Store) -> None:
    with store.writing(Permit.HOUSEKEEPING) as tx:
        approval = jobs.enqueue(tx, jobs.MIRROR, {"approve": 7, "reason": "x"}, "A01")
        refresh = jobs.enqueue_refresh(tx, None, "A01")
    assert approval != refresh


def test_a_trigger_while_a_run_is_at_work_waits_for_it(store: Store, worker: Worker, centre: FakeCentral) -> None:
    """Two hands of one worker, and a person at the command line: one run at a time, none lost."""
    inside, most = 0, 0
    real = centre.snapshot

    def snapshot() -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.2)
        inside -= 1
        return real()

    centre.snapshot = snapshot  # type: ignore[method-assign]
    hands = [threading.Thread(target=worker.scheduled_mirror, args=(("department",),)) for _ in range(3)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(60)
    assert most == 1 and [state for state, _ in states(store)] == ["published"] * 3


# -- sweeps -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def marked(centre: FakeCentral) -> FakeCentral:
    """Patients and drugs carry a change time."""
    for name in ("patient", "drug"):
        centre.dataset_hints[name] = DatasetHints(watermark="changed_at")
        centre.datasets[name] = [{**one, "changed_at": "2026-11-20 08:00:00"} for one in centre.datasets[name]]
    return centre


def swept(store: Store) -> list[tuple[str, list[str]]]:
    with store.reading() as tx:
        rows = tx.conn.execute(
            select(run.c.state, run.c.datasets).where(run.c.trigger == "sweep").order_by(run.c.run_id)
        )
        return [(row.state, row.datasets) for row in rows]


def at(clock: SettableClock, text: str) -> None:
    clock.at = datetime.fromisoformat(f"{text}:00+08:00")


def test_whole_tables_are_swept_in_allowed_hours_only_and_once_a_night(
    store: Store, worker: Worker, marked: FakeCentral, clock: SettableClock
) -> None:
    sweeps = Sweeps(worker)
    worker.mirror(None)
    marked.datasets["patient"] = marked.datasets["patient"][1:]  # deleted: no change time says so
    at(clock, "2026-11-24T21:59")
    worker.mirror(None)
    sweeps.look()
    assert swept(store) == [] and len(published(store, "patient")) == 200
    at(clock, "2026-11-24T22:05")
    sweeps.look()
    assert sorted(swept(store)) == [("published", ["drug"]), ("published", ["patient"])]
    assert len(published(store, "patient")) == 199
    sweeps.look()
    at(clock, "2026-11-25T03:00")
    sweeps.look()
    assert len(swept(store)) == 2
    at(clock, "2026-11-25T23:00")
    sweeps.look()
    assert len(swept(store)) == 4


def test_a_spent_budget_leaves_the_rest_to_the_next_span(
    store: Store, worker: Worker, marked: FakeCentral, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.mirror(None)
    sweeps = Sweeps(worker)
    took = iter((0.0, 31 * 60.0, 31 * 60.0, 62 * 60.0))  # every dataset takes longer than the half hour allowed
    monkeypatch.setattr("sync.worker.sweeps.time.monotonic", lambda: next(took))
    monkeypatch.setattr(worker, "scheduled_mirror", lambda group, **options: done.append(group) or "published")
    done: list[tuple[str, ...]] = []
    at(clock, "2026-11-24T23:00")
    sweeps.look()
    assert len(done) == 1
    at(clock, "2026-11-25T08:00")
    sweeps.look()
    at(clock, "2026-11-25T23:00")
    sweeps.look()
    assert len(done) == 2


def test_a_sweep_that_takes_too_long_ends_between_two_pages(
    store: Store, centre: FakeCentral, rules: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.0)
    refresh(store, centre, rules)
    centre.page_rows = 10
    report = refresh(store, centre, rules, ["patient"], sweep=("patient",), budget_seconds=0.0)
    assert (report.state, [p["kind"] for p in report.problems]) == ("failed", ["sweep_budget"])


def test_a_large_table_without_a_mark_may_be_left_to_the_night(
    store: Store, worker: Worker, centre: FakeCentral, clock: SettableClock
) -> None:
    """Read once to have it, then only in allowed hours; a person who names it gets it at any hour."""
    centre.dataset_hints["patient_card"] = DatasetHints(rests=True)
    centre.datasets["patient_card"] = [{**centre.datasets["patient_card"][0], "card_no": f"K{n}"} for n in range(9)]
    sweeps, cards = Sweeps(worker), 9
    worker.mirror(None)
    assert len(published(store, "patient_card")) == cards
    centre.datasets["patient_card"] = centre.datasets["patient_card"][1:]
    at(clock, "2026-11-23T14:00")
    worker.scheduled_mirror(("patient", "patient_card"))
    worker.mirror(None)
    sweeps.look()
    assert len(published(store, "patient_card")) == cards
    with store.reading() as tx:
        assert not any("patient_card" in one.datasets for one in tx.conn.execute(select(run).where(run.c.run_id > 1)))
        assert oldest_as_of(tx.conn) == to_text(clock.now())  # a table that rests makes nothing else look old
    status = {one.dataset: one for one in mirror_status(store, Mirror()).datasets}
    assert status["patient_card"].age_seconds == 6 * 3600 and status["patient_card"].stale == "ok"
    assert "master" not in alarm.look(store, Mirror())
    at(clock, "2026-11-24T04:05")
    sweeps.look()
    assert swept(store) == [("published", ["patient_card"])] and len(published(store, "patient_card")) == cards - 1
    centre.datasets["patient_card"] = centre.datasets["patient_card"][1:]
    assert worker.mirror(["patient_card"])["state"] == "published"
    assert len(published(store, "patient_card")) == cards - 2


def test_a_table_that_rests_is_missed_after_two_nights(
    store: Store, worker: Worker, centre: FakeCentral, clock: SettableClock
) -> None:
    centre.dataset_hints["patient_card"] = DatasetHints(rests=True)
    worker.mirror(None)
    found = {}
    for day in ("2026-11-24T10:30", "2026-11-25T10:30"):
        at(clock, day)
        worker.mirror(None)
        found[day] = [one.stale for one in mirror_status(store, Mirror()).datasets if one.dataset == "patient_card"]
    assert list(found.values()) == [["warn"], ["fail"]]
    assert alarm.look(store, Mirror())["master"].kind == "stale"


def test_a_clock_set_back_does_not_put_the_next_run_off(timetable: Timetable) -> None:
    """Planned for a moment that lies years ahead now: it begins after its usual distance at the latest."""
    assert next_in(timetable, "master") > 24 * 3600
    timetable.mind_the_clock()
    for group, distance in timetable.plan.intervals.items():
        assert 0 < next_in(timetable, group) <= distance
    before = {job.id: job.next_run_time for job in timetable.scheduler.get_jobs()}
    timetable.mind_the_clock()
    assert {job.id: job.next_run_time for job in timetable.scheduler.get_jobs()} == before, "once is enough"
