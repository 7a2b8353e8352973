"""The worker begins the weekly self-test in time, in normal mode only, and closes what a killed one left."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from config.sections import Drill
from config.settings import Settings
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.drills import may_begin
from fallback_server.domain.modes import Permit
from fallback_server.store import alarms, drills, jobs
from fallback_server.store.locks import single_instance
from fallback_server.store.mode_switch import enter_emergency
from fallback_server.store.session import Actor, Store
from sync.central.fake import FakeCentral
from sync.worker.centre import Centre
from sync.worker.drills import called, look
from sync.worker.work import Worker
from tests.fixtures_hospital import ADMIN, MONDAY

SUNDAY = MONDAY + timedelta(days=6, hours=-5)  # half past three


def asked(store: Store) -> int:
    with store.reading() as tx:
        return sum(one is not None and one["state"] == "queued" for one in (jobs.find(tx.conn, n) for n in range(1, 5)))


@pytest.fixture
def begun() -> list[str]:
    return []


@pytest.fixture
def worker(store: Store, clock: SettableClock, hospital_settings: Settings, begun: list[str]) -> Worker:
    """A worker whose self-test dies half way, as by a power cut."""

    def dies(job: jobs.Job, stop: threading.Event) -> None:
        by = job.requested_by
        begun.append(by)
        with store.writing(Permit.HOUSEKEEPING, Actor(by, by)) as tx:
            drills.begin_self_test(tx)

    return Worker(store, Centre(lambda: FakeCentral(clock)), hospital_settings, threading.Event(), self_test=dies)


def test_it_is_asked_for_once_a_week_and_one_that_died_is_an_alarm(
    store: Store, clock: SettableClock, worker: Worker, begun: list[str]
) -> None:
    look(worker)
    assert asked(store) == 0  # Monday morning
    clock.at = SUNDAY
    look(worker)
    look(worker)
    assert asked(store) == 1 and worker.one_job((jobs.REHEARSE, jobs.SELF_TEST))
    assert begun == ["system"]
    with store.reading() as tx:
        (row,) = drills.self_tests(tx.conn)
        assert (row["ok"], row["problem"]) == (False, drills.KILLED)
        assert [one["subject"] for one in alarms.on(tx.conn)] == [drills.ALARM]
    look(worker)
    assert asked(store) == 0  # not again before the next week


def test_one_that_died_before_it_began_is_a_failure_and_not_the_success_of_the_last_one(
    store: Store, clock: SettableClock, worker: Worker
) -> None:
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        drills.end_self_test(tx, drills.begin_self_test(tx), ok=True, source="copy", steps=[], problem=None)
    clock.at = SUNDAY
    worker.self_test = lambda job, stop: 3
    look(worker)
    assert worker.one_job((jobs.SELF_TEST,))
    with store.reading() as tx:
        row = drills.self_tests(tx.conn)[0]
        done = jobs.find(tx.conn, 1)
        assert (row["ok"], row["problem"]) == (False, "the process ended before it began (exit code 3)")
        assert [one["subject"] for one in alarms.on(tx.conn)] == [drills.ALARM]
    assert done is not None and done["result"]["ok"] is False
    look(worker)
    assert asked(store) == 0  # not again every minute


def test_it_never_begins_in_an_outage_or_where_nobody_can_run_it(
    store: Store, clock: SettableClock, worker: Worker
) -> None:
    clock.at = SUNDAY
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        enter_emergency(tx, cause="server", reason="test", departments=None, drill=False)
    look(worker)
    worker.self_test = None
    look(worker)
    assert asked(store) == 0


def test_one_that_a_crash_put_back_into_the_queue_does_not_run_in_the_morning_rush(
    store: Store, clock: SettableClock, worker: Worker, begun: list[str]
) -> None:
    clock.at = SUNDAY
    look(worker)
    assert jobs.claim(store, (jobs.SELF_TEST,)) is not None  # and then the power went
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        drills.begin_self_test(tx)
    clock.at = MONDAY
    worker.resume()
    assert worker.one_job((jobs.SELF_TEST,)) and begun == []
    with store.reading() as tx:
        (row,), done = drills.self_tests(tx.conn), jobs.find(tx.conn, 1)
        assert (row["ok"], row["problem"]) == (False, drills.KILLED)
        assert [one["subject"] for one in alarms.on(tx.conn)] == [drills.ALARM]
    assert done is not None and done["state"] == "failed" and "self_test_hours" in done["error"]


@pytest.mark.parametrize(("waited", "attempts", "may"), [(0, 1, True), (0, 2, False), (15, 1, False)])
def test_in_the_windows_hours_only_who_asks_for_it_now_gets_it(waited: int, attempts: int, may: bool) -> None:
    asked = MONDAY - timedelta(minutes=waited)
    assert may_begin(MONDAY, Drill(), asked, attempts) is may
    assert may_begin(SUNDAY, Drill(), None, 3) and not may_begin(MONDAY, Drill(), None, 1)


def test_a_rehearsal_without_a_copy_says_what_to_set(store: Store, worker: Worker) -> None:
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        number = jobs.enqueue(tx, jobs.REHEARSE, {"drill": 1}, "0801")
    worker.one_job(jobs.KINDS)
    with store.reading() as tx:
        found = jobs.find(tx.conn, number)
    assert found is not None and "[central] rehearsal_url is empty" in found["error"]


def test_what_a_power_cut_left_of_one_is_gone_at_the_next_start_unless_one_is_at_work(
    store: Store, worker: Worker, tmp_path: Path
) -> None:
    worker.settings = worker.settings.model_copy(update={"home": tmp_path / "home"})
    left = worker.settings.home / drills.SELF_TEST_FOLDER
    left.mkdir(parents=True)
    (left / "yj.db").write_bytes(b"patients")
    with single_instance(store.url, drills.SELF_TEST_LOCK):
        worker.resume()
    assert left.exists()
    worker.resume()
    assert not left.exists()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("mssql+pyodbc://?odbc_connect=Server%3Dtcp%3Ahis-copy%2C1434%3BDatabase%3Dhis%3BPWD%3D%7Bgeheim%3Bdatabase%3Dx%7D",
         "his-copy:1434/his"),
        ("mssql+pyodbc:///?odbc_connect=PWD=geheim;SERVER=his-copy;DATABASE=his", "his-copy:1433/his"),
        ("postgresql+psycopg2:///his?host=his-copy&password=geheim", "his-copy:5432/his"),
        ("postgresql+psycopg2://yj:geheim/1@his-copy:5444/his?sslpassword=geheim", "his-copy:5444/his"),
    ],
)  # fmt: skip
def test_of_the_copys_address_only_host_port_and_name_are_shown(address: str, shown: str) -> None:
    assert called(address) == shown
