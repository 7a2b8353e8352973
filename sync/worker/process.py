"""The worker as a process: one instance under a lock that dies with it, logs as JSON lines, ends when told."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final, TextIO, cast

import structlog

from config.settings import Settings
from fallback_server.domain.clock import Clock, SystemClock
from fallback_server.store import jobs
from fallback_server.store.locks import LockBusy, single_instance
from fallback_server.store.session import Store
from sync.central.gateway import ClockLimits
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.worker.centre import Centre, GatewayFactory, NoCentre
from sync.worker.drills import SelfTest
from sync.worker.timetable import Timetable
from sync.worker.upkeep import Upkeep
from sync.worker.work import TICK_SECONDS, Worker

LOCK: Final = "worker"
MakeUpkeep = Callable[[Store], Upkeep]
log: Any = structlog.get_logger("yj.worker")


def run_worker(
    settings: Settings,
    stop: threading.Event | None = None,
    *,
    clock: Clock | None = None,
    gateway: GatewayFactory | None = None,
    upkeep: MakeUpkeep | None = None,
    self_test: SelfTest | None = None,
) -> None:
    """Work until `stop` is set. Waits while another worker of this store is alive; raises nothing that one job did.

    `upkeep` makes, of the store, what looks after readiness; without it nobody does.
    """
    clock = clock or SystemClock(settings.zone)
    stop = stop or threading.Event()
    store = Store(settings.database.url, clock, pool_size=8)
    centre = Centre(gateway or (lambda: _open(settings, clock)))
    try:
        with single_instance(settings.database.url, LOCK, give_up=stop.is_set):
            worker = Worker(store, centre, settings, stop, self_test=self_test)
            _work(worker, upkeep(store) if upkeep else None)
    except LockBusy:
        log.info("worker_not_needed", why="told to stop while another worker was alive")
    finally:
        centre.close()
        store.close()


def main(settings: Settings, upkeep: MakeUpkeep | None = None, *, self_test: SelfTest | None = None) -> int:
    """The process: logs to standard error as JSON lines, ends on SIGTERM or SIGINT. Returns the exit code."""
    configure_logs()
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    run_worker(settings, stop, upkeep=upkeep, self_test=self_test)
    return 0


class _Forgiving:
    """A log on a full disk takes nothing: what is at work goes on without it."""

    def __init__(self, under: TextIO) -> None:
        self._under = under

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._under.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._under.flush()


def configure_logs() -> None:
    """JSON lines on standard error, one an event. Callers log numbers, codes and kinds; never names of patients."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Forgiving(sys.stderr))),
    )


def _open(settings: Settings, clock: Clock) -> SqlGateway:
    if not settings.central.url:
        raise NoCentre('[central] url = "": write the address of the centre into yj.toml')
    limits = ClockLimits(settings.alerts.clock_warn_seconds, settings.alerts.clock_fail_seconds)
    centre = settings.central
    return open_gateway(centre.url, settings.mapping_dir, clock, read_url=centre.read_url, clock_limits=limits)


def _work(worker: Worker, upkeep: Upkeep | None) -> None:
    worker.resume()
    timetable = Timetable(worker, upkeep)
    hands = [
        threading.Thread(target=worker.work_off, args=(kinds,), name=f"jobs-{kinds[0]}")
        for kinds in (
            (jobs.MIRROR,),
            (jobs.UPLOAD, jobs.RECONCILE),
            (jobs.REHEARSE, jobs.SELF_TEST),
            (jobs.BACKUP, jobs.AUDIT),
        )
    ]
    for hand in hands:
        hand.start()
    timetable.start()
    log.info("worker_started")
    try:
        while not worker.stop.is_set():
            worker.tick()
            timetable.mind_the_clock()
            worker.stop.wait(TICK_SECONDS)
    finally:
        worker.stop.set()
        timetable.shut()
        for hand in hands:
            hand.join()
        log.info("worker_stopped")
