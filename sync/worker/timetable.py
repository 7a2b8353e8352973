"""The worker's timetable: masters, open work, sweeps and looks, each at its time and never twice at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError

from fallback_server.domain.clock import SystemClock
from fallback_server.domain.detection import LOOK_SECONDS
from fallback_server.domain.errors import YjError
from sync.mirror.alarm import GROUPS
from sync.mirror.freeze import frozen
from sync.worker import backups, drills
from sync.worker.plan import Plan
from sync.worker.sweeps import Sweeps
from sync.worker.upkeep import Upkeep
from sync.worker.ways_out import sending_of
from sync.worker.work import Worker

JUDGE_SECONDS: Final = 60.0
SWEEP_SECONDS: Final = 600.0  # between two looks at whether a sweep is due
AFTER_SECONDS: Final = 60.0  # between two looks at what is left after a return
BACKUP_SECONDS: Final = 60.0  # between two looks at whether a backup is due
SENDING_SECONDS: Final = 5.0  # between two looks at what channels still have to say
UPKEEP_SECONDS: Final = 60.0  # between two looks at whether the standby would work
SELF_TEST_SECONDS: Final = 60.0  # between two looks at whether the weekly self-test is due
THAW_SECONDS: Final = 5.0  # between two looks at whether a frozen group may go on
SLACK: Final = timedelta(minutes=1)
log: Any = structlog.get_logger("yj.worker")


class Timetable:
    """APScheduler around the worker's runs. `start` and `shut` are called by the process."""

    def __init__(self, worker: Worker, upkeep: Upkeep | None = None) -> None:
        rules = worker.settings.mirror
        self.worker, self.sweeps, self.upkeep = worker, Sweeps(worker), upkeep
        self.sending = sending_of(worker.store, worker.settings)
        self.plan = Plan({"master": rules.interval_minutes * 60.0, "open": rules.open_work_interval_minutes * 60.0})
        # A grace of a second, the default, would skip runs in silence whenever the machine is busy.
        self.scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(8)},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": 3600},
            timezone=worker.settings.zone,
        )
        # The scheduler waits by the machine's clock, whatever clock documents are stamped with.
        self._clock = SystemClock(worker.settings.zone)

    def start(self) -> None:
        """Begin at once: masters first, open work right behind them."""
        now = self._clock.now()
        for name, after in (("master", 0), ("open", 2)):
            self._every(self.plan.intervals[name], self._run, name, now + timedelta(seconds=after), args=(name,))
        self._every(LOOK_SECONDS, self._probe, "probe", now)
        self._every(JUDGE_SECONDS, self.worker.judge_mirror, "judge", now + timedelta(seconds=JUDGE_SECONDS))
        self._every(AFTER_SECONDS, self.worker.look_after, "after", now + timedelta(seconds=AFTER_SECONDS))
        self._every(THAW_SECONDS, self._thaw, "thaw", now + timedelta(seconds=THAW_SECONDS))
        self._every(SWEEP_SECONDS, self.sweeps.look, "sweep", now + timedelta(seconds=SWEEP_SECONDS / 2))
        self._every(BACKUP_SECONDS, self._backup, "backup", now + timedelta(seconds=BACKUP_SECONDS))
        self._every(SENDING_SECONDS, self.sending.look, "alarms", now + timedelta(seconds=SENDING_SECONDS))
        if self.upkeep is not None:
            self._every(UPKEEP_SECONDS, self.upkeep.look, "upkeep", now + timedelta(seconds=UPKEEP_SECONDS))
        self._every(SELF_TEST_SECONDS, self._self_test, "self_test", now + timedelta(seconds=SELF_TEST_SECONDS))
        self.scheduler.start()

    def shut(self) -> None:
        """Wait for what is running; nothing begins any more."""
        self.scheduler.shutdown(wait=True)

    def sooner(self, group: str, seconds: float = 0.0) -> None:
        """Let the group's next run begin in so many seconds, unless it begins before that anyhow."""
        job, at = self.scheduler.get_job(group), self._clock.now() + timedelta(seconds=seconds)
        if job is not None and (job.next_run_time is None or job.next_run_time > at):
            job.modify(next_run_time=at)

    def mind_the_clock(self) -> None:
        """Nothing waits longer than its own distance: where the clock was set back, its time is hours ahead."""
        now = self._clock.now()
        for job in self.scheduler.get_jobs():
            distance = job.trigger.interval
            if job.next_run_time is not None and job.next_run_time - now > distance + SLACK:
                job.modify(next_run_time=now + distance)
                log.warning("clock_set_back", job=job.id)

    def _every(self, seconds: float, work: Any, name: str, first: datetime, args: tuple[Any, ...] = ()) -> None:
        self.scheduler.add_job(work, "interval", args=args, seconds=seconds, id=name, next_run_time=first)

    def _run(self, group: str) -> None:
        """One run of a group; one that failed is tried again before its usual time, at growing distances."""
        again = self.plan.after(group, self.worker.scheduled_mirror(GROUPS[group]))
        if again is not None:
            self.sooner(group, again)

    def _backup(self) -> None:
        backups.look(self.worker.store, self.worker.settings)

    def _self_test(self) -> None:
        drills.look(self.worker)

    def _probe(self) -> None:
        if self.worker.probe():
            for group in self.plan.failing():
                self.sooner(group)

    def _thaw(self) -> None:
        """A group that was frozen goes on as soon as it may, not only at its next time."""
        if not self.plan.frozen:
            return
        try:
            with self.worker.store.reading() as tx:
                thawed = [group for group in self.plan.frozen if not frozen(tx.conn, tx.mode, GROUPS[group])]
        except (SQLAlchemyError, YjError) as error:
            log.error("thaw_broke", error=type(error).__name__)
            return
        for group in thawed:
            self.plan.frozen.discard(group)
            self.sooner(group)
