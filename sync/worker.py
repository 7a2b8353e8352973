"""The sync worker: one process beside the window server, the only one that speaks to the centre by itself.

It mirrors on schedule, does what the console asked for (job rows), lets time act on the mode, and watches the centre.
It survives an unreachable centre and any failure of one job; if it dies, the next one takes its jobs up again.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from types import FrameType
from typing import Any, Final

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from fallback_server.domain.clock import Clock, SystemClock
from fallback_server.domain.datasets import MASTER_DATASETS, OPEN_DATASETS
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState, Mode, Permit
from fallback_server.store import jobs
from fallback_server.store.locks import LockBusy, single_instance
from fallback_server.store.mode import SYSTEM_OPERATOR, incident
from fallback_server.store.mode_switch import advance
from fallback_server.store.returns_queries import clean_left
from fallback_server.store.session import Actor, Store
from sync.central.gateway import CentralError, CentralGateway, ClockLimits
from sync.central.sql_file import MappingError
from sync.central.sql_gateway import open_gateway

TICK_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 15.0
SCHEDULE_WAIT_SECONDS: Final = 120.0  # a scheduled run that finds another at work waits this long, then leaves it
LOCK: Final = "worker"

GatewayFactory = Callable[[], CentralGateway]
Handler = Callable[["Worker", jobs.Job], Mapping[str, Any]]
log: Any = structlog.get_logger("yj.worker")


class NoCentre(Exception):
    """There is no address of a centre, or the mapping cannot be used; the text says what to do."""


class Stopping(Exception):
    """The worker was told to stop while a mirror was being read; nothing was published."""


@dataclass
class Centre:
    """The gateway, opened when it is first needed and kept."""

    make: GatewayFactory
    _opened: CentralGateway | None = None

    def gateway(self) -> CentralGateway:
        """Raises NoCentre."""
        if self._opened is None:
            try:
                self._opened = self.make()
            except MappingError as error:
                raise NoCentre(str(error)) from None
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()


class Worker:
    """Everything the worker does, without the process around it."""

    def __init__(
        self,
        store: Store,
        centre: Centre,
        settings: Settings,
        stop: threading.Event,
        handlers: Mapping[str, Handler] | None = None,
    ) -> None:
        self.store, self.centre, self.settings, self.stop = store, centre, settings, stop
        self.handlers: Mapping[str, Handler] = handlers or {
            jobs.MIRROR: do_mirror,
            jobs.UPLOAD: do_upload,
            jobs.RECONCILE: do_reconcile,
        }
        self._sound: bool | None = None
        self._upload_again: dict[int, float] = {}

    # -- on schedule ------------------------------------------------------------------------------------------------

    def scheduled_mirror(self, group: tuple[str, ...]) -> None:
        """One run of a group of datasets. An outage is a row of its own, not an error of ours."""
        try:
            report = self.mirror(group, trigger="schedule", wait_seconds=SCHEDULE_WAIT_SECONDS)
            log.info("mirror", state=report["state"], run=report["run_id"], seconds=report["seconds"])
        except LockBusy:
            log.info("mirror_skipped", why="another run is at work")
        except (NoCentre, Stopping) as error:
            log.warning("mirror_skipped", why=str(error))
        except Exception as error:  # noqa: BLE001  (edge of a scheduled run: the worker goes on)
            log.error("mirror_broke", error=type(error).__name__)

    def mirror(self, datasets: Any, **options: Any) -> dict[str, Any]:
        """Run the mirror; `datasets` None is all. Datasets the mapping does not offer are left out of a group."""
        from sync.mirror.run import run_mirror

        gateway = self.centre.gateway()
        if isinstance(datasets, tuple):
            datasets = [name for name in datasets if name in set(gateway.offers())]
        report = run_mirror(
            self.store, gateway, self.settings.mirror, datasets, progress=self._stop_between_datasets,
            give_up=self.stop.is_set, **options,
        )  # fmt: skip
        return asdict(report)

    def _stop_between_datasets(self, dataset: str, done: int, total: int) -> None:
        if self.stop.is_set() and done < total:
            raise Stopping("the worker is being stopped")

    # -- jobs -------------------------------------------------------------------------------------------------------

    def work_off(self, kinds: tuple[str, ...]) -> None:
        """Do waiting jobs of these kinds until told to stop."""
        while not self.stop.is_set():
            try:
                if self.one_job(kinds):
                    continue
            except (SQLAlchemyError, YjError) as error:
                log.error("queue_broke", error=type(error).__name__)
            self.stop.wait(TICK_SECONDS)

    def one_job(self, kinds: tuple[str, ...]) -> bool:
        """Do the oldest waiting job, if there is one; whatever goes wrong is written into its row."""
        job = jobs.claim(self.store, kinds)
        if job is None:
            return False
        begun = time.monotonic()
        try:
            result = self.handlers[job.kind](self, job)
        except (Stopping, LockBusy):
            jobs.give_back(self.store, job)
        except YjError as error:
            self._failed(job, str(error))
        except CentralError as error:
            self._failed(job, f"{type(error).__name__}: {error.detail}")
        except (NoCentre, ValueError) as error:
            self._failed(job, str(error))
        # Edge of a job: one bad job does not end the worker.
        except Exception as error:
            self._failed(job, f"internal error: {type(error).__name__}")
            log.error("job_broke", job=job.id, kind=job.kind, exc_info=_without_values(error))
        else:
            jobs.finish(self.store, job.id, _jsonable(result))
            log.info("job_done", job=job.id, kind=job.kind, seconds=round(time.monotonic() - begun, 2))
        return True

    def _failed(self, job: jobs.Job, error: str) -> None:
        jobs.fail(self.store, job.id, error)
        log.warning("job_failed", job=job.id, kind=job.kind, error=error)

    # -- every second -----------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let time act: due changes of the mode, uploads that are to be tried again."""
        try:
            done = advance(self.store)
            if done:
                log.info("mode", why=done)
            self._upload_what_is_due()
        except (SQLAlchemyError, YjError) as error:
            log.error("tick_broke", error=type(error).__name__)

    def upload_later(self, incident_no: int, seconds: float) -> None:
        """Ask for an upload again after a while: the centre went away in the middle."""
        self._upload_again[incident_no] = time.monotonic() + seconds

    def _upload_what_is_due(self) -> None:
        due = [number for number, at in self._upload_again.items() if time.monotonic() >= at]
        for number in due:
            del self._upload_again[number]
            self._ask_upload(number)

    def _ask_upload(self, number: int) -> None:
        with self.store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
            if tx.mode.mode is not Mode.EMERGENCY:
                jobs.enqueue(tx, jobs.UPLOAD, {"incident_no": number}, SYSTEM_OPERATOR)

    def resume(self) -> None:
        """After a start: take up the jobs of a dead worker, and uploads that were wanted and are not finished."""
        again, given_up = jobs.recover(self.store)
        if again or given_up:
            log.warning("jobs_recovered", queued_again=again, given_up=given_up)
        with self.store.reading() as tx:
            wanted = select(incident.c.incident_no).where(
                incident.c.upload_wanted.is_(True),
                incident.c.drill.is_(False),
                incident.c.state.in_([IncidentState.CLOSING.value, IncidentState.UPLOADING.value]),
            )
            numbers = [n for n in tx.conn.execute(wanted).scalars() if clean_left(tx.conn, n)]
        for number in numbers:
            self._ask_upload(number)

    def _tell_what_was_closed(self) -> None:
        """An incident that was signed off here is closed at the centre as soon as it can be reached."""
        from sync.reconcile.run import close_at_centre

        for number in close_at_centre(self.store, self.centre.gateway()):
            log.info("incident_closed_at_centre", incident=number)

    def probe(self) -> None:
        """Look at the centre; only a change is written: to the log and to the audit log."""
        try:
            found = self.centre.gateway().probe()
            self._tell_what_was_closed()
            sound, detail = True, f"{found.clock_offset_seconds:.0f} s clock offset"
        except (CentralError, NoCentre) as error:
            sound, detail = False, type(error).__name__
        except Exception as error:  # noqa: BLE001  (edge of a look: whatever it is, the centre is not in order)
            sound, detail = False, type(error).__name__
        if sound is self._sound:
            return
        before, self._sound = self._sound, sound
        log.info("centre", sound=sound, detail=detail)
        if before is None and sound:
            return
        try:
            with self.store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
                tx.audit("centre.back" if sound else "centre.lost", ok=sound, detail=detail)
        except (SQLAlchemyError, YjError) as error:
            log.error("audit_broke", error=type(error).__name__)


def do_mirror(worker: Worker, job: jobs.Job) -> Mapping[str, Any]:
    """A mirror asked for at the console, or the approval of a held run."""
    return worker.mirror(
        job.arguments.get("datasets"),
        trigger="manual",
        requested_by=job.requested_by,
        approve=job.arguments.get("approve"),
        approved_reason=job.arguments.get("reason"),
    )


def do_upload(worker: Worker, job: jobs.Job) -> Mapping[str, Any]:
    """Return documents; if the centre went away, ask again when it may be back."""
    from sync.upload.run import run_upload

    dry_run = bool(job.arguments.get("dry_run", False))
    report = run_upload(
        worker.store,
        worker.centre.gateway(),
        worker.settings.upload,
        job.arguments.get("incident_no"),
        dry_run=dry_run,
        requested_by=job.requested_by,
        stop=worker.stop,
    )
    if report.retry_after_seconds is not None and report.incident_no is not None and not dry_run:
        worker.upload_later(report.incident_no, report.retry_after_seconds)
    return report.to_json()


def do_reconcile(worker: Worker, job: jobs.Job) -> Mapping[str, Any]:
    """A fresh account of an incident."""
    from sync.reconcile.run import run_reconcile

    report = run_reconcile(
        worker.store, worker.centre.gateway(), int(job.arguments["incident_no"]), requested_by=job.requested_by
    )
    return report.to_json()


def run_worker(
    settings: Settings,
    stop: threading.Event | None = None,
    *,
    clock: Clock | None = None,
    gateway: GatewayFactory | None = None,
) -> None:
    """Work until `stop` is set. Waits while another worker of this store is alive; raises nothing that one job did."""
    clock = clock or SystemClock(settings.zone)
    stop = stop or threading.Event()
    store = Store(settings.database.url, clock, pool_size=8)
    centre = Centre(gateway or (lambda: _open(settings, clock)))
    try:
        with single_instance(settings.database.url, LOCK, give_up=stop.is_set):
            _work(Worker(store, centre, settings, stop))
    except LockBusy:
        log.info("worker_not_needed", why="told to stop while another worker was alive")
    finally:
        centre.close()
        store.close()


def main(settings: Settings) -> int:
    """The process: logs to standard error as JSON lines, ends on SIGTERM or SIGINT. Returns the exit code."""
    configure_logs()
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    run_worker(settings, stop)
    return 0


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _open(settings: Settings, clock: Clock) -> CentralGateway:
    if not settings.central.url:
        raise NoCentre('[central] url = "": write the address of the centre into yj.toml')
    limits = ClockLimits(settings.alerts.clock_warn_seconds, settings.alerts.clock_fail_seconds)
    return open_gateway(settings.central.url, settings.mapping_dir, clock, clock_limits=limits)


def _work(worker: Worker) -> None:
    worker.resume()
    scheduler = _schedule(worker)
    hands = [
        threading.Thread(target=worker.work_off, args=(kinds,), name=f"jobs-{kinds[0]}")
        for kinds in ((jobs.MIRROR,), (jobs.UPLOAD, jobs.RECONCILE))
    ]
    for hand in hands:
        hand.start()
    scheduler.start()
    log.info("worker_started")
    try:
        while not worker.stop.is_set():
            worker.tick()
            worker.stop.wait(TICK_SECONDS)
    finally:
        worker.stop.set()
        scheduler.shutdown(wait=True)
        for hand in hands:
            hand.join()
        log.info("worker_stopped")


def _schedule(worker: Worker) -> BackgroundScheduler:
    # A grace of a second, the default, would skip runs in silence whenever the machine is busy.
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(4)},
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": 3600},
        timezone=worker.settings.zone,
    )
    # The scheduler waits by the machine's clock, whatever clock documents are stamped with.
    rules, now = worker.settings.mirror, SystemClock(worker.settings.zone).now()
    for name, group, minutes, after in (
        ("master", MASTER_DATASETS, rules.interval_minutes, 0),
        ("open", OPEN_DATASETS, rules.open_work_interval_minutes, 2),
    ):
        scheduler.add_job(
            worker.scheduled_mirror, "interval", args=(group,), minutes=minutes, id=name,
            next_run_time=now + timedelta(seconds=after),
        )  # fmt: skip
    scheduler.add_job(worker.probe, "interval", seconds=PROBE_SECONDS, id="probe", next_run_time=now)
    return scheduler


def _jsonable(result: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(result, default=str))
    return made


def _without_values(error: BaseException) -> Any:
    """The traceback without the error's own text, which may quote rows."""
    bare = type(error)("…") if type(error) in (ValueError, KeyError, TypeError, AttributeError) else RuntimeError("…")
    return (type(bare), bare, error.__traceback__)
