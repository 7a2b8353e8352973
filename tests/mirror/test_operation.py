"""The mirror as it is operated: the stop switch, the load a run makes, alarms that are said once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from clients.console.mirror_views import not_in_order
from config.sections import Mirror
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.datasets import OPEN_DATASETS
from fallback_server.domain.modes import Permit
from fallback_server.store import alarms, mirror_status, stop_orders
from fallback_server.store.audit import audit
from fallback_server.store.mirror import run
from fallback_server.store.session import Actor, Store
from sync.central.fake import FakeCentral
from sync.central.gateway import Systemic
from sync.mirror import alarm, halt, watch
from sync.mirror.refresh import refresh
from sync.mirror.run import RunReport
from sync.mirror.status import mirror_status as status_of
from tests.fixtures_return import backwards
from tests.mirror.hospital import drug, hospital, patient, published

DBA = Actor("0801", "卫信息", frozenset({"admin"}))
Refresh = Callable[..., RunReport]


@pytest.fixture
def mirror(store: Store, centre: FakeCentral, rules: Mirror) -> Refresh:
    def once(*datasets: str, **options: Any) -> RunReport:
        return refresh(store, centre, rules, datasets or None, **options)

    return once


@pytest.fixture
def every_page_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(halt, "ASK_SECONDS", 0.0)
    return


def stop(store: Store, reason: str = "夜间重建索引") -> None:
    with store.writing(Permit.HOUSEKEEPING, DBA) as tx:
        stop_orders.stop(tx, reason)


def go(store: Store) -> None:
    with store.writing(Permit.HOUSEKEEPING, DBA) as tx:
        stop_orders.go(tx)


def row(store: Store, number: int) -> dict[str, Any]:
    with store.reading() as tx:
        return dict(tx.conn.execute(select(run).where(run.c.run_id == number)).mappings().one())


def on(store: Store) -> dict[str, str]:
    with store.reading() as tx:
        return {one["subject"]: one["kind"] for one in alarms.on(tx.conn)}


def alarms_said(store: Store) -> int:
    with store.reading() as tx:
        return len(tx.conn.execute(select(audit.c.sequence).where(audit.c.action == "alarm.on")).all())


# -- the stop switch --------------------------------------------------------------------------------------------------


def test_while_the_mirror_is_stopped_nothing_is_asked_of_the_centre(
    store: Store, centre: FakeCentral, mirror: Refresh
) -> None:
    mirror()
    stop(store)
    asked = len(centre.calls)
    report = mirror()
    assert (report.state, report.run_id) == ("stopped", 0) and "夜间重建索引" in report.problems[0]["zh"]
    assert len(centre.calls) == asked
    go(store)
    assert mirror().published


@pytest.mark.usefixtures("every_page_is_looked_at")
def test_a_stop_ends_a_run_between_two_pages(store: Store, centre: FakeCentral, mirror: Refresh) -> None:
    mirror()
    centre.page_rows = 10
    centre.datasets["patient"] = [patient(n, name="改名") for n in range(1, 31)] + list(hospital()["patient"][30:])
    seen: list[int] = []

    def watched(dataset: str, rows: int) -> None:
        seen.append(rows)
        if rows == 50:
            stop(store)

    report = mirror("patient", seen=watched)
    assert seen[-1] == 50 and len(centre.datasets["patient"]) == 200
    assert (report.state, [p["kind"] for p in report.problems]) == ("failed", ["stopped"])
    assert [p["kind"] for p in row(store, report.run_id)["problems"]] == ["stopped"]
    assert published(store, "patient")[0]["name"] == "单小明"


def test_the_dba_stops_it_at_the_centre_with_a_row(store: Store, centre: FakeCentral, mirror: Refresh) -> None:
    mirror()
    orders: list[dict[str, Any]] = [{"reason": "月底结算"}]
    centre.answers["stop"] = lambda binds: orders
    for _ in range(3):
        assert mirror().state == "stopped"
    assert on(store) == {"mirror.stop": "stopped"} and alarms_said(store) == 1
    orders.clear()
    assert mirror().published and on(store) == {}


@pytest.mark.usefixtures("every_page_is_looked_at")
def test_a_stop_at_the_centre_ends_a_run_that_is_reading(centre: FakeCentral, mirror: Refresh) -> None:
    mirror()
    centre.page_rows = 10
    orders: list[dict[str, Any]] = []
    centre.answers["stop"] = lambda binds: orders
    report = mirror("patient", seen=lambda name, rows: orders.append({"reason": "慢"}) if rows == 30 else None)
    assert [p["kind"] for p in report.problems] == ["stopped"]


def test_a_centre_that_is_away_stops_nothing_it_fails_the_run(centre: FakeCentral, mirror: Refresh) -> None:
    centre.answers["stop"] = []
    centre.reachable = False
    assert [p["kind"] for p in mirror().problems] == ["unreachable"]


# -- the load ---------------------------------------------------------------------------------------------------------


def test_the_run_log_says_what_it_cost_the_centre(store: Store, centre: FakeCentral, mirror: Refresh) -> None:
    centre.page_rows = 50
    report = mirror("patient", "drug")
    load = row(store, report.run_id)["load"]
    assert set(load) == {"patient", "drug"}
    assert (load["patient"]["rows"], load["patient"]["pages"], load["patient"]["statements"]) == (200, 4, 1)
    assert load["patient"]["bytes_about"] > 200 * 20 and load["patient"]["seconds"] >= 0
    with store.reading() as tx:
        shown = mirror_status.overview(tx.conn, tx.now, Mirror())["datasets"]
    assert {one["dataset"]: one["load"]["rows"] for one in shown} == {"drug": 100, "patient": 200}


def test_a_run_that_failed_has_its_load_too(store: Store, centre: FakeCentral, mirror: Refresh) -> None:
    mirror()
    centre.datasets["drug"] = []
    held = mirror()
    assert held.state == "held" and row(store, held.run_id)["load"]["patient"]["rows"] == 200


# -- alarms -----------------------------------------------------------------------------------------------------------


def test_a_held_run_is_one_alarm_however_often_it_is_held(store: Store, centre: FakeCentral, mirror: Refresh) -> None:
    mirror()
    centre.datasets["drug"] = []
    for number in range(3):
        centre.datasets["patient"] = [*hospital()["patient"], patient(300 + number)]  # life goes on
        assert mirror().state == "held"
    assert set(on(store)) == {"mirror.master"} and alarms_said(store) == 1
    assert mirror(*OPEN_DATASETS).published  # open work has its own word, and takes nothing back
    assert set(on(store)) == {"mirror.master"}
    centre.datasets["drug"] = list(hospital()["drug"])
    mirror()
    assert on(store) == {}


def test_another_reason_is_another_alarm(store: Store, centre: FakeCentral, mirror: Refresh) -> None:
    mirror()
    centre.datasets["drug"] = []
    mirror()
    centre.datasets["drug"] = [drug(n, unit_price="999") for n in range(1, 101)]
    mirror()
    assert alarms_said(store) == 2 and set(on(store)) == {"mirror.master"}


def test_a_held_run_stays_shown_while_other_datasets_are_published(
    store: Store, centre: FakeCentral, mirror: Refresh
) -> None:
    mirror()
    centre.datasets["drug"] = []
    first, again = mirror(), mirror()
    mirror(*OPEN_DATASETS)
    with store.reading() as tx:
        shown = mirror_status.overview(tx.conn, tx.now, Mirror())
    assert [one["run_id"] for one in shown["held"]] == [again.run_id] != [first.run_id] and not shown["ok"]
    mirror(approve=again.run_id, requested_by="A01", approved_reason="really none")
    with store.reading() as tx:
        shown = mirror_status.overview(tx.conn, tx.now, Mirror())
    assert shown["held"] == [] and shown["ok"]


def test_a_lost_centre_is_no_alarm_of_the_mirror(store: Store, centre: FakeCentral, mirror: Refresh) -> None:
    mirror()
    alarms.sound(store, alarms.CENTRE, "lost", "x", "x", action="centre.lost")
    centre.reachable = False
    for _ in range(4):
        mirror()
    assert set(on(store)) == {"centre"}


def test_the_same_step_failing_three_times_is_an_alarm(
    store: Store, centre: FakeCentral, mirror: Refresh, clock: SettableClock
) -> None:
    mirror()
    centre.reachable = False  # and the probe finds nothing wrong
    mirror("drug")
    mirror("drug")
    assert on(store) == {}
    mirror("drug")
    assert on(store) == {"mirror.master": "failed-unreachable"}
    centre.reachable = True
    mirror("drug")
    assert on(store) == {}


def test_what_never_mends_itself_is_an_alarm_at_once(
    store: Store, centre: FakeCentral, mirror: Refresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror()

    def gone() -> None:
        raise Systemic("no right to read yp_xx")

    monkeypatch.setattr(centre, "snapshot", gone)
    mirror()
    assert set(on(store).values()) == {"failed-misconfigured"}


def test_a_copy_that_nobody_noticed_stopping_is_an_alarm(
    store: Store, mirror: Refresh, rules: Mirror, clock: SettableClock
) -> None:
    mirror()
    clock.advance(19 * 60)
    assert alarm.look(store, rules) == {}
    clock.advance(2 * 60)
    assert set(alarm.look(store, rules)) == {"open"}
    clock.advance(70 * 60)
    said = alarm.look(store, rules)
    backwards(store)
    assert alarm.look(store, rules) == said  # of several as old as each other the same one is named
    assert on(store) == {"mirror.open": "stale", "mirror.master": "stale"} and alarms_said(store) == 2
    stop(store)  # a person did it: that is said elsewhere
    assert alarm.look(store, rules) == {}
    go(store)
    mirror()
    assert on(store) == {}


def test_after_a_first_run_that_failed_the_status_says_so_and_why(
    store: Store, centre: FakeCentral, mirror: Refresh
) -> None:
    centre.reachable = False
    run_id = mirror().run_id
    state = status_of(store, Mirror())
    assert (state.ok, state.generation, list(state.datasets)) == (False, None, [])
    said = not_in_order(state)
    assert said[0] == "there is no mirror yet: `yj mirror run`"
    assert said[1].startswith(f"run {run_id} failed: unreachable: 中心连不上") and len(said) == 2
    centre.reachable = True
    assert mirror().published and status_of(store, Mirror()).ok
