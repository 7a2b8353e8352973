"""Every row of every table once a night: what a change mark misses (deletes, late commits) is found in allowed hours.

Datasets with a watermark wait for the night, and those that the mapping lets rest until then; others without one are
compared whole in every run.
"""

from __future__ import annotations

import time
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fallback_server.domain.errors import YjError
from fallback_server.store import mirror_status
from sync.worker.centre import NoCentre
from sync.worker.plan import due_sweeps, within
from sync.worker.work import Worker

TRIGGER: Final = "sweep"
log: Any = structlog.get_logger("yj.worker")


class Sweeps:
    """Decides what is swept now, within `[mirror] sweep_hours` and at most `sweep_budget_minutes` a span of hours."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._spent = 0.0

    def look(self) -> None:
        """Sweep what is due, one dataset a run, until all is done or the budget is spent."""
        rules, store = self._worker.settings.mirror, self._worker.store
        if not within(rules.sweep_hours, store.clock.now().time()):
            self._spent = 0.0  # a new span begins with a new budget
            return
        try:
            due = self.due()
        except (NoCentre, SQLAlchemyError, YjError) as error:
            log.warning("sweep_skipped", why=type(error).__name__)
            return
        for name in due:
            left = rules.sweep_budget_minutes * 60 - self._spent
            if left <= 0 or self._worker.stop.is_set():
                log.info("sweep_budget_spent", left_over=len(due) - due.index(name))
                return
            begun = time.monotonic()
            state = self._worker.scheduled_mirror((name,), trigger=TRIGGER, sweep=(name,), budget_seconds=left)
            self._spent += time.monotonic() - begun
            if state not in ("published", "held"):
                return  # the centre is away, frozen or stopped: at the next look

    def due(self) -> list[str]:
        """Datasets that wait for the night and were not read whole for a day, the one that waits longest first."""
        gateway, store = self._worker.centre.gateway(), self._worker.store
        hints = {name: gateway.hints(name) for name in gateway.offers()}
        marked = [name for name, said in hints.items() if said.watermark or said.rests]
        with store.reading() as tx:
            return due_sweeps(marked, mirror_status.last_whole_reads(tx.conn), tx.now)
