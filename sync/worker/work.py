"""Everything the worker does, without the process and the timetable around it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Mode, Permit
from fallback_server.domain.traces import without_values
from fallback_server.store import jobs
from fallback_server.store.locks import LockBusy
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.mode_switch import advance
from fallback_server.store.session import Actor, Store
from sync.central.gateway import CentralError
from sync.worker import drills, handlers
from sync.worker.centre import Centre, CentreWatch, NoCentre

TICK_SECONDS: Final = 1.0
SCHEDULE_WAIT_SECONDS: Final = 120.0  # a scheduled run that finds another at work waits this long, then leaves it

Handler = Callable[["Worker", jobs.Job], Mapping[str, Any]]
log: Any = structlog.get_logger("yj.worker")


class Stopping(Exception):
    """The worker was told to stop while a mirror was being read; nothing was published."""


class Worker:
    """See the package. `stop` ends whatever it does at the next safe point."""

    def __init__(
        self,
        store: Store,
        centre: Centre,
        settings: Settings,
        stop: threading.Event,
        handlers_by_kind: Mapping[str, Handler] | None = None,
        self_test: drills.SelfTest | None = None,
    ) -> None:
        self.store, self.centre, self.settings, self.stop = store, centre, settings, stop
        self.self_test = self_test
        self.handlers: Mapping[str, Handler] = handlers_by_kind or {
            jobs.MIRROR: handlers.do_mirror,
            jobs.UPLOAD: handlers.do_upload,
            jobs.RECONCILE: handlers.do_reconcile,
            jobs.REHEARSE: drills.do_rehearse,
            jobs.SELF_TEST: drills.do_self_test,
            jobs.BACKUP: handlers.do_backup,
            jobs.AUDIT: handlers.do_audit,
        }
        self._watch = CentreWatch(store, centre, settings)
        self._upload_again: dict[int, float] = {}

    # -- the mirror -------------------------------------------------------------------------------------------------

    def scheduled_mirror(self, group: tuple[str, ...], **options: Any) -> str:
        """One run of a group of datasets; returns how it ended. An outage is a row of its own, not an error of ours."""
        try:
            report = self.mirror(group, wait_seconds=SCHEDULE_WAIT_SECONDS, **{"trigger": "schedule", **options})
            log.info("mirror", state=report["state"], run=report["run_id"], seconds=report["seconds"])
            return str(report["state"])
        except LockBusy:
            log.info("mirror_skipped", why="another run is at work")
        except (NoCentre, Stopping) as error:
            log.warning("mirror_skipped", why=str(error))
        except Exception as error:  # noqa: BLE001  (edge of a scheduled run: the worker goes on)
            log.error("mirror_broke", error=type(error).__name__)
            return "failed"
        return "skipped"

    def mirror(self, datasets: Any, **options: Any) -> dict[str, Any]:
        """Run the mirror; `datasets` None is all. Datasets the mapping does not offer are left out of a group."""
        from sync.mirror.refresh import refresh

        gateway = self.centre.gateway()
        if isinstance(datasets, tuple):
            datasets = [name for name in datasets if name in set(gateway.offers())]
        report = refresh(
            self.store, gateway, self.settings.mirror, datasets, seen=self._stop_between_pages,
            give_up=self.stop.is_set, **options,
        )  # fmt: skip
        return asdict(report)

    def _stop_between_pages(self, dataset: str, rows: int) -> None:
        if self.stop.is_set():
            raise Stopping(f"the worker is being stopped ({dataset}, {rows} rows)")

    def judge_mirror(self) -> None:
        """Turn the mirror's alarms on or off: a copy grows old without any run."""
        from sync.mirror import alarm

        try:
            alarm.look(self.store, self.settings.mirror)
        except (SQLAlchemyError, YjError) as error:
            log.error("alarm_broke", error=type(error).__name__)

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
        except NoCentre as error:
            self._failed(job, str(error))
        except ValueError as error:
            self._failed(job, str(error), logged=type(error).__name__)
        # Edge of a job: one bad job does not end the worker.
        except Exception as error:
            self._failed(job, f"internal error: {type(error).__name__}")
            log.error("job_broke", job=job.id, kind=job.kind, exc_info=without_values(error))
        else:
            jobs.finish(self.store, job.id, _jsonable(result))
            log.info("job_done", job=job.id, kind=job.kind, seconds=round(time.monotonic() - begun, 2))
        return True

    def _failed(self, job: jobs.Job, error: str, *, logged: str | None = None) -> None:
        """`logged`: what the log says of it, where the words may quote a row."""
        jobs.fail(self.store, job.id, error)
        log.warning("job_failed", job=job.id, kind=job.kind, error=logged or error)

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
        """Ask for an upload again after a while: the centre went away in the middle, or another outage began."""
        self._upload_again[incident_no] = time.monotonic() + seconds

    def _upload_what_is_due(self) -> None:
        due = sorted(number for number, at in self._upload_again.items() if time.monotonic() >= at)
        for number in due:
            if self._ask_upload(number):
                del self._upload_again[number]

    def _ask_upload(self, number: int) -> bool:
        """Ask for it, unless an outage is on: then it waits for the end of that."""
        with self.store.reading() as tx:
            if _outage(tx.mode):
                return False
        with self.store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
            if _outage(tx.mode):
                return False
            jobs.enqueue(tx, jobs.UPLOAD, {"incident_no": number}, SYSTEM_OPERATOR)
        return True

    def resume(self) -> None:
        """After a start: take up the jobs of a dead worker, and uploads that were wanted; take away what it left."""
        again, given_up = jobs.recover(self.store)
        if again or given_up:
            log.warning("jobs_recovered", queued_again=again, given_up=given_up)
        drills.tidy(self)
        with self.store.reading() as tx:
            numbers = handlers.wanted_uploads(tx)
        for number in numbers:
            self.upload_later(number, 0.0)
        self._upload_what_is_due()

    def probe(self) -> bool:
        """Look at the centre, and switch if that is wanted. Returns whether it answers after a look that it did not."""
        back = self._watch.look()
        try:
            number = self._watch.switch_by_itself()
        except (SQLAlchemyError, YjError) as error:
            log.error("switch_broke", error=type(error).__name__)
        else:
            if number is not None:
                log.warning("switched_by_itself", incident=number)
        return back

    def look_after(self) -> None:
        """Ask and tell the centre what is left when documents are back; where nothing is, nothing is asked."""
        from sync.after.look import look

        try:
            self._tell_what_was_closed()
            found = asdict(look(self.store, self.centre.gateway()))
            if any(found.values()):
                log.info("after", **found)
        except (NoCentre, CentralError, SQLAlchemyError, YjError) as error:
            log.info("after_skipped", why=type(error).__name__)

    def _tell_what_was_closed(self) -> None:
        """An incident that was signed off here is closed at the centre as soon as it can be reached."""
        from sync.reconcile.run import close_at_centre

        for number in close_at_centre(self.store, self.centre.gateway()):
            log.info("incident_closed_at_centre", incident=number)


def _outage(state: Any) -> bool:
    return state.mode is Mode.EMERGENCY and not state.drill


def _jsonable(result: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(result, default=str))
    return made
