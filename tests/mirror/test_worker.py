"""The worker: does what was asked, survives what breaks, watches the centre, ends when told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.settings import Settings, write_default
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.modes import Permit
from fallback_server.store import backup, counters, jobs
from fallback_server.store.audit import audit
from fallback_server.store.mirror import run
from fallback_server.store.mode import incident, mode
from fallback_server.store.returning import job
from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.central.gateway import Unreachable
from sync.central.sql_file import MappingError
from sync.worker import Centre, Handler, Worker, backups, run_worker
from tests.mirror.hospital import published


@pytest.fixture
def settings(store: Store, tmp_path: Path) -> Settings:
    return Settings.model_validate({"home": tmp_path, "database": {"url": store.url}})


@pytest.fixture
def worker(store: Store, centre: FakeCentral, settings: Settings) -> Worker:
    return Worker(store, Centre(lambda: centre), settings, threading.Event())


def ask(store: Store, kind: str, **arguments: Any) -> int:
    with store.writing(Permit.HOUSEKEEPING) as tx:
        return jobs.enqueue(tx, kind, arguments, "A01")


def row(store: Store, number: int) -> Mapping[Any, Any]:
    with store.reading() as tx:
        return tx.conn.execute(select(job).where(job.c.id == number)).mappings().one()


def events(store: Store) -> list[str]:
    with store.reading() as tx:
        return list(tx.conn.execute(select(audit.c.action).order_by(audit.c.sequence)).scalars())


def test_a_mirror_asked_for_is_run_and_its_report_kept(store: Store, worker: Worker) -> None:
    number = ask(store, jobs.MIRROR, datasets=["department"])
    assert worker.one_job(jobs.KINDS) and not worker.one_job(jobs.KINDS)
    done = row(store, number)
    assert done["state"] == "done" and done["result"]["state"] == "published"
    assert len(published(store, "department")) == 1
    with store.reading() as tx:
        assert tx.conn.execute(select(run.c.requested_by)).scalar() == "A01"


def test_an_approval_asked_for_publishes_the_held_run(store: Store, worker: Worker, centre: FakeCentral) -> None:
    worker.mirror(None)
    centre.datasets["department"] = []
    held = worker.mirror(["department"])
    assert held["state"] == "held"
    number = ask(store, jobs.MIRROR, approve=held["run_id"], reason="closed for good")
    worker.one_job(jobs.KINDS)
    assert row(store, number)["result"]["state"] == "published" and published(store, "department") == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unreachable("gone"), "Unreachable: gone"),
        (ValueError("bad"), "bad"),
        (ZeroDivisionError("王小明"), "ZeroDivisionError"),
    ],
)
def test_whatever_breaks_in_a_job_is_in_its_row_and_the_next_is_done(
    store: Store, centre: FakeCentral, settings: Settings, error: Exception, said: str
) -> None:
    def broken(worker: Worker, asked: jobs.Job) -> Mapping[str, Any]:
        raise error

    handlers: dict[str, Handler] = {jobs.MIRROR: broken, jobs.UPLOAD: lambda worker, asked: {"fine": True}}
    worker = Worker(store, Centre(lambda: centre), settings, threading.Event(), handlers)
    first, second = ask(store, jobs.MIRROR), ask(store, jobs.UPLOAD)
    assert worker.one_job(jobs.KINDS) and worker.one_job(jobs.KINDS)
    failed = row(store, first)
    assert failed["state"] == "failed" and said in failed["error"] and "王小明" not in failed["error"]
    assert row(store, second)["result"] == {"fine": True}


def test_a_mapping_that_cannot_be_used_fails_the_job_with_its_slips(store: Store, settings: Settings) -> None:
    def unusable() -> FakeCentral:
        raise MappingError(["probe.sql: is missing"])

    worker = Worker(store, Centre(unusable), settings, threading.Event())
    number = ask(store, jobs.MIRROR)
    worker.one_job(jobs.KINDS)
    assert row(store, number)["error"] == "probe.sql: is missing"
    worker.scheduled_mirror(("drug",))  # and the schedule goes on
    worker.probe()


def test_the_schedule_survives_an_unreachable_centre(store: Store, worker: Worker, centre: FakeCentral) -> None:
    centre.reachable = False
    worker.scheduled_mirror(("drug", "patient"))
    centre.reachable = True
    worker.scheduled_mirror(("drug", "patient"))
    with store.reading() as tx:
        found = tx.conn.execute(select(run.c.state, run.c.trigger).order_by(run.c.run_id)).all()
    assert [tuple(each) for each in found] == [("failed", "schedule"), ("published", "schedule")]


def test_only_a_change_of_the_centre_is_written(
    store: Store, worker: Worker, centre: FakeCentral, clock: SettableClock
) -> None:
    for reachable in (True, True, False, False, False, *[True] * 8):
        centre.reachable = reachable
        worker.probe()
        clock.advance(10)
    assert events(store) == ["centre.lost", "centre.back"]


def test_time_acts_on_the_mode_by_the_tick(store: Store, worker: Worker) -> None:
    with store.writing(Permit.HOUSEKEEPING) as tx:
        tx.conn.execute(
            incident.insert().values(
                incident_no=1, state="closing", drill=False, cause="server", reason="x", epoch=1, generation=1,
                generation_as_of=tx.at, opened_at=tx.at, opened_by="A01",
            )
        )  # fmt: skip
        tx.conn.execute(mode.update().values(mode="returning", incident_no=1, grace_until=tx.at, hold_until=tx.at))
    worker.tick()
    with store.reading() as tx:
        assert tx.mode.mode.value == "normal"


def test_an_upload_that_lost_the_centre_is_asked_for_again(store: Store, worker: Worker) -> None:
    worker.upload_later(1, 3600)
    worker.tick()
    assert not worker.one_job((jobs.RECONCILE,)) and jobs.claim(store) is None
    worker.upload_later(1, 0)
    worker.tick()
    claimed = jobs.claim(store)
    assert claimed is not None and (claimed.kind, claimed.arguments) == (jobs.UPLOAD, {"incident_no": 1})


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def running(store: Store, centre: FakeCentral, settings: Settings) -> Iterator[threading.Event]:
    """The whole worker in a thread; set the event to stop it."""
    stop = threading.Event()
    thread = threading.Thread(
        target=run_worker, args=(settings, stop), kwargs={"clock": store.clock, "gateway": lambda: centre}
    )
    thread.start()
    yield stop
    stop.set()
    thread.join(60)
    assert not thread.is_alive()


def test_a_worker_mirrors_at_once_takes_up_old_jobs_and_does_new_ones(
    store: Store, request: pytest.FixtureRequest
) -> None:
    left = ask(store, jobs.MIRROR, datasets=["department"])
    jobs.claim(store)  # by a worker that died
    request.getfixturevalue("running")
    wait_for(lambda: row(store, left)["state"] == "done")
    new = ask(store, jobs.MIRROR, datasets=["staff"])
    wait_for(lambda: row(store, new)["state"] == "done")
    wait_for(lambda: len(published(store, "open_order")) == 1 and len(published(store, "drug")) == 100)


def test_a_second_worker_waits_and_can_be_told_to_go(
    store: Store, centre: FakeCentral, settings: Settings, running: threading.Event
) -> None:
    wait_for(lambda: len(published(store, "drug")) == 100)
    stop = threading.Event()
    second = threading.Thread(
        target=run_worker, args=(settings, stop), kwargs={"clock": store.clock, "gateway": lambda: centre}
    )
    second.start()
    time.sleep(0.4)
    assert second.is_alive()
    stop.set()
    second.join(60)
    assert not second.is_alive()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_process_ends_cleanly_on_sigterm_and_logs_json(store: Store, tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom config.settings import load\nfrom sync.worker import main\n"
        "sys.exit(main(load(Path(sys.argv[1]), os.environ)))\n"
    )
    write_default(tmp_path, database_url=store.url)
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = [json.loads(process.stderr.readline())]
    while lines[-1]["event"] != "worker_started":
        lines.append(json.loads(process.stderr.readline()))
    while all(line["event"] != "no_centre" for line in lines):  # it has tried to work
        lines.append(json.loads(process.stderr.readline()))
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    lines += [json.loads(line) for line in rest.splitlines()]
    assert lines[-1]["event"] == "worker_stopped"
    assert any(line["event"] == "no_centre" and "[central] url" in line["why"] for line in lines)


def test_a_backup_is_made_when_due_and_before_an_upload_that_brings_something_new(
    store: Store, worker: Worker, settings: Settings
) -> None:
    roomy = settings.model_copy(update={"backup": settings.backup.model_copy(update={
        "directory": str(settings.home / "b"), "second_directory": str(settings.home / "c"),
        "key": str(settings.home / "backup.key"), "spare_mb": 0,
    })})  # fmt: skip
    for _ in range(2):
        backups.look(store, roomy)
    assert len(backup.names_in(settings.home / "b")) == 1
    assert events(store)[-3:] == ["backup.backup", "backup.verify", "backup.verify"], "out of both places"
    backups.before_upload(store, roomy, "A01")
    assert len(backup.names_in(settings.home / "b")) == 1, "nothing is there to be sent"
    with store.writing(Permit.HOUSEKEEPING) as tx:
        counters.take(tx.conn, counters.DOCUMENT_SEQUENCE)
    backups.before_upload(store, roomy, "A01")
    assert len(backup.names_in(settings.home / "b")) == 2
