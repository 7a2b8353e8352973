"""Drills in the worker: the return of one rehearsed against the copy, and the weekly self-test begun in time."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from fallback_server.domain import drills as rules
from fallback_server.domain.clock import Clock, from_text, to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Mode, Permit
from fallback_server.domain.places import places
from fallback_server.store import backup, backup_second, drills, jobs
from fallback_server.store.locks import LockBusy, clear_away, single_instance
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.session import Actor, Store
from sync.central.gateway import CentralGateway
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.worker import backups

if TYPE_CHECKING:
    from sync.worker.work import Worker

SelfTest = Callable[[jobs.Job, threading.Event], int | None]
"""Runs one for this job in a process of its own, killed when the event is set; returns the code with which it ended."""
_SYSTEM = Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)
_SECRET: Final = re.compile(r"(?:^|;)\s*(?:pwd|password)\s*=\s*(?:\{(?:[^}]|\}\})*\}|[^;]*)", re.IGNORECASE)
_DATABASE: Final = re.compile(r"(?:^|;)\s*database\s*=\s*\{?([^;}]+)", re.IGNORECASE)
log: Any = structlog.get_logger("yj.worker")


def called(address: str) -> str:
    """What people call a database: host, port and name. Nothing else of its address: a password may stand anywhere."""
    url = make_url(address)
    query = dict(url.query)
    words = query.get("odbc_connect")
    named = url.database
    if isinstance(words, str):
        query["odbc_connect"] = words = _SECRET.sub("", words)
        found = _DATABASE.search(words)
        named = found[1].strip() if found else None
    bare = URL.create(url.drivername, host=url.host, port=url.port, database=url.database, query=query)
    where = ", ".join(f"{host}:{port}" for host, port in places(bare.render_as_string(hide_password=False)))
    return "/".join(part for part in (where or url.get_backend_name(), named) if part)


def open_copy(settings: Settings, clock: Clock) -> SqlGateway:
    """The copy of the centre that is there for rehearsals. Raises rehearsal_not_set, MappingError."""
    if not settings.central.rehearsal_url:
        raise YjError("rehearsal_not_set")
    return open_gateway(settings.central.rehearsal_url, settings.mapping_dir, clock)


def rehearse(
    store: Store, centre: CentralGateway, settings: Settings, number: int, by: str, stop: threading.Event | None = None
) -> dict[str, Any]:
    """Rehearse the return of drill `number`; see `sync.rehearsal.run`. Raises as that and `open_copy` do."""
    from sync.rehearsal.run import rehearse as run

    copy = open_copy(settings, store.clock)
    try:
        return run(
            store, centre, copy, settings.upload, number, folder=settings.home, by=by, stop=stop,
            target=called(settings.central.rehearsal_url),
        )  # fmt: skip
    finally:
        copy.close()


def do_rehearse(worker: Worker, job: jobs.Job) -> Mapping[str, Any]:
    """The rehearsal somebody asked for at the console."""
    number = int(job.arguments["drill"])
    return rehearse(worker.store, worker.centre.gateway(), worker.settings, number, job.requested_by, worker.stop)


def do_self_test(worker: Worker, job: jobs.Job) -> Mapping[str, Any]:
    """Run it. A process that died over it leaves a row without an end, or none: either is a failure of this week's."""
    if worker.self_test is None:
        raise ValueError("this worker cannot run the self-test; `yj drill selftest` does")
    if not _may_begin(worker, job):
        _close_what_died(worker, job)
        raise YjError("self_test_hours", at=worker.settings.drill.self_test_at)
    began = to_text(worker.store.clock.now())
    code = worker.self_test(job, worker.stop)
    try:
        with (
            single_instance(worker.store.url, drills.SELF_TEST_LOCK, wait_seconds=0),
            worker.store.writing(Permit.HOUSEKEEPING, Actor(job.requested_by, job.requested_by)) as tx,
        ):
            if not worker.stop.is_set() and not drills.self_tested_since(tx.conn, began):
                problem = f"the process ended before it began (exit code {code})"
                drills.end_self_test(tx, drills.begin_self_test(tx), ok=False, source=None, steps=[], problem=problem)
            drills.abandon_self_tests(tx)
    except LockBusy:
        log.info("self_test_elsewhere")
    with worker.store.reading() as tx:
        last = drills.self_tests(tx.conn, 1) if drills.self_tested_since(tx.conn, began) else []
    return {name: last[0][name] for name in ("ok", "source", "problem")} if last else {}


def _may_begin(worker: Worker, job: jobs.Job) -> bool:
    with worker.store.reading() as tx:
        row = jobs.find(tx.conn, job.id)
        person = job.requested_by != SYSTEM_OPERATOR and row is not None
        asked_at = from_text(row["requested_at"]) if person and row is not None else None
        return rules.may_begin(tx.now, worker.settings.drill, asked_at, job.attempts)


def _close_what_died(worker: Worker, job: jobs.Job) -> None:
    """One that a crash cut off counts as not passed, with its alarm, although it is not begun anew."""
    with (
        suppress(LockBusy),
        single_instance(worker.store.url, drills.SELF_TEST_LOCK, wait_seconds=0),
        worker.store.writing(Permit.HOUSEKEEPING, Actor(job.requested_by, job.requested_by)) as tx,
    ):
        drills.abandon_self_tests(tx)


def scratch_folders(settings: Settings) -> list[tuple[str, Path]]:
    """The folders of an instance in which copies of its store lie while something is at work, with its lock."""
    from sync.rehearsal.run import FOLDER, LOCK

    return [
        (LOCK, settings.home / FOLDER),
        (drills.SELF_TEST_LOCK, settings.home / drills.SELF_TEST_FOLDER),
        (backup.LOCK, backups.places(settings).work),
        (backup_second.FETCH, backups.places(settings).work.with_name(backup_second.FETCH)),
    ]


def tidy(worker: Worker) -> None:
    """After a power cut: the folders that a rehearsal, a self-test, a backup would have taken away, where none is at
    work."""
    for lock, folder in scratch_folders(worker.settings):
        if folder.exists():
            gone = clear_away(worker.store.url, lock, folder)
            log.warning("leftover_removed" if gone else "leftover_kept", folder=folder.name)


def look(worker: Worker) -> None:
    """Ask for the weekly self-test when it is due; in normal mode only. Raises nothing."""
    try:
        with worker.store.reading() as tx:
            if tx.mode.mode is not Mode.NORMAL or worker.self_test is None:
                return
            if not rules.self_test_due(tx.now, drills.last_self_test_began(tx.conn), worker.settings.drill):
                return
        with worker.store.writing(Permit.HOUSEKEEPING, _SYSTEM) as tx:
            jobs.enqueue(tx, jobs.SELF_TEST, {}, SYSTEM_OPERATOR)
    except (SQLAlchemyError, YjError) as error:
        log.error("self_test_broke", error=type(error).__name__)
