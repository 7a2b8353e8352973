"""The row of an upload run: written while it works, so that everybody sees how far it is and how it ended."""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import insert, select, update

from fallback_server.domain.modes import Permit
from fallback_server.store.returning import upload_run
from fallback_server.store.returns_queries import upload_progress
from fallback_server.store.session import Actor, Store, installation_id
from sync.upload.report import UploadReport

NOTE_SECONDS = 1.0
AWAY = ("unreachable", "transient")
LOOKED_BACK = 10  # runs; by then the pause is the longest anyhow


class RunRow:
    """Keeps the row of `report` up to date. Every write is a short local transaction of its own."""

    def __init__(self, store: Store, actor: Actor, report: UploadReport) -> None:
        self.store = store
        self.actor = actor
        self.report = report
        self._noted: datetime | None = None

    def start(self) -> str:
        """Make the row and close what dead runs left behind, for the caller holds the lock; our installation's id."""
        with self.store.writing(Permit.HOUSEKEEPING, self.actor) as tx:
            tx.conn.execute(
                update(upload_run)
                .where(upload_run.c.state == "running")
                .values(state="stopped", error="interrupted", finished_at=tx.at)
            )
            row: dict[str, Any] = {
                "incident_no": self.report.incident_no, "dry_run": self.report.dry_run, "started_at": tx.at,
                "state": "running", "step": "preflight", "report": {},
            }  # fmt: skip
            self.report.run_id = int(tx.conn.execute(insert(upload_run).returning(upload_run.c.id), row).scalar_one())
            subject = str(self.report.incident_no)
            tx.audit("upload.run", subject=subject, run=self.report.run_id, dry_run=self.report.dry_run)
            return installation_id(tx.conn)

    def write(self) -> str:
        """Step and counts as they are now; returns when."""
        with self.store.writing(Permit.HOUSEKEEPING, self.actor) as tx:
            tx.conn.execute(
                update(upload_run)
                .where(upload_run.c.id == self.report.run_id)
                .values(step=self.report.step, report=self.report.to_json())
            )
            self._noted = tx.now
            return tx.at

    @property
    def due(self) -> bool:
        """Whether it was last written a second ago or more."""
        return self._noted is None or (self.store.clock.now() - self._noted).total_seconds() >= NOTE_SECONDS

    def end(self) -> None:
        """How it ended, and what is left in the queue then."""
        with self.store.writing(Permit.HOUSEKEEPING, self.actor) as tx:
            rest = upload_progress(tx.conn, self.report.incident_no or 0)
            left = {state: n for state, n in rest["states"].items() if state not in ("confirmed", "settled")}
            self.report.left = {**left, "open_conflicts": rest["open_conflicts"]}
            tx.conn.execute(
                update(upload_run)
                .where(upload_run.c.id == self.report.run_id)
                .values(
                    state=self.report.state, step=self.report.step, report=self.report.to_json(),
                    finished_at=tx.at, error="; ".join(self.report.problems)[:2000] or None,
                )
            )  # fmt: skip

    def broke_with(self) -> str:
        """The fault at which the breaker opened in the run just before this one; empty if it ended otherwise."""
        with self.store.reading() as tx:
            last = tx.conn.execute(
                select(upload_run.c.report)
                .where(upload_run.c.incident_no == self.report.incident_no, upload_run.c.id < self.report.run_id)
                .where(upload_run.c.dry_run.is_(False))
                .order_by(upload_run.c.id.desc())
                .limit(1)
            ).scalar()
        return str(last["facts"].get("breaker", "")) if last and last.get("code") == "breaker" else ""

    def away_in_a_row(self) -> int:
        """How many runs before this one ended, one after the other, because the centre could not be reached."""
        with self.store.reading() as tx:
            runs = tx.conn.execute(
                select(upload_run.c.state, upload_run.c.report)
                .where(upload_run.c.incident_no == self.report.incident_no, upload_run.c.id < self.report.run_id)
                .order_by(upload_run.c.id.desc())
                .limit(LOOKED_BACK)
            ).all()
        return sum(1 for _ in takewhile(lambda run: run.state == "stopped" and run.report.get("code") in AWAY, runs))
