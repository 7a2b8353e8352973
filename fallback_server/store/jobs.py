"""The queue of what the console asks of the worker: rows claimed by a conditional update, looked at by their row count.

A job is at work only while the one worker lives; `recover`, called by the next worker before it begins, queues again
what a dead one left, and gives up on a job that was there at three deaths.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from fallback_server.domain.modes import Permit
from fallback_server.store.returning import job
from fallback_server.store.session import Store, Tx

MIRROR, UPLOAD, RECONCILE, REHEARSE, SELF_TEST = "mirror", "upload", "reconcile", "rehearse", "self_test"
BACKUP, AUDIT = "backup", "audit"  # make, open or rehearse one; walk the chain
KINDS: Final = (MIRROR, UPLOAD, RECONCILE, REHEARSE, SELF_TEST, BACKUP, AUDIT)
MAX_DEATHS: Final = 3


@dataclass(frozen=True)
class Job:
    """One piece of work asked of the worker."""

    id: int
    kind: str
    arguments: Mapping[str, Any]
    requested_by: str
    attempts: int = 0


def enqueue(tx: Tx, kind: str, arguments: Mapping[str, Any], requested_by: str) -> int:
    """Ask for work inside the caller's transaction; returns the job's id.

    The same work waiting already is not asked for twice: at most one runs and one more waits.
    """
    waiting = select(job.c.id, job.c.arguments).where(job.c.kind == kind, job.c.state == "queued").order_by(job.c.id)
    for row in tx.conn.execute(waiting):
        if row.arguments == dict(arguments):
            return int(row.id)
    values = {
        "kind": kind,
        "arguments": dict(arguments),
        "requested_by": requested_by,
        "requested_at": tx.at,
        "state": "queued",
    }
    return int(tx.conn.execute(job.insert().values(**values).returning(job.c.id)).scalar_one())


def enqueue_refresh(tx: Tx, datasets: Iterable[str] | None, requested_by: str) -> int:
    """Ask for a mirror run "now" of these datasets (None: all); returns the job's id.

    At most one such run waits behind the one at work: a second wish makes the waiting one wider.
    """
    wanted = sorted(set(datasets)) if datasets is not None else None
    waiting = select(job.c.id, job.c.arguments).where(job.c.kind == MIRROR, job.c.state == "queued").order_by(job.c.id)
    for row in tx.conn.execute(waiting).all():
        if "approve" in row.arguments or "rollback" in row.arguments:
            continue
        known = row.arguments.get("datasets")
        wider = None if known is None or wanted is None else sorted({*known, *wanted})
        tx.conn.execute(update(job).where(job.c.id == row.id).values(arguments={"datasets": wider}))
        return int(row.id)
    return enqueue(tx, MIRROR, {"datasets": wanted}, requested_by)


def claim(store: Store, kinds: Iterable[str] = KINDS) -> Job | None:
    """Take the oldest waiting job, or None. Two callers never get the same one."""
    wanted = tuple(kinds)
    if not _any_waiting(store, wanted):
        return None
    with store.writing(Permit.HOUSEKEEPING) as tx:
        row = tx.conn.execute(
            select(job).where(job.c.state == "queued", job.c.kind.in_(wanted)).order_by(job.c.id).limit(1)
        ).mappings().first()  # fmt: skip
        if row is None:
            return None
        attempts = int((row["result"] or {}).get("attempts", 0)) + 1
        taken = tx.conn.execute(
            update(job)
            .where(job.c.id == row["id"], job.c.state == "queued")
            .values(state="running", started_at=tx.at, result={"attempts": attempts})
        )
        if taken.rowcount != 1:
            return None
    return Job(row["id"], row["kind"], row["arguments"], row["requested_by"], attempts)


def _any_waiting(store: Store, kinds: tuple[str, ...]) -> bool:
    # Looked at in a read first: a worker that asks every second must not take the write lock every second.
    with store.reading() as tx:
        statement = select(job.c.id).where(job.c.state == "queued", job.c.kind.in_(kinds)).limit(1)
        return tx.conn.execute(statement).first() is not None


def finish(store: Store, job_id: int, result: Mapping[str, Any]) -> None:
    """Note what a job did."""
    _end(store, job_id, "done", result=dict(result), error=None)


def give_back(store: Store, claimed: Job) -> None:
    """Put a job back in the queue: the worker is being stopped in order, which is no death."""
    with store.writing(Permit.HOUSEKEEPING) as tx:
        tx.conn.execute(
            update(job)
            .where(job.c.id == claimed.id, job.c.state == "running")
            .values(state="queued", result={"attempts": claimed.attempts - 1})
        )


def fail(store: Store, job_id: int, error: str) -> None:
    """Note why a job could not be done; it is not tried again by itself."""
    _end(store, job_id, "failed", error=error)


def _end(store: Store, job_id: int, state: str, **values: Any) -> None:
    with store.writing(Permit.HOUSEKEEPING) as tx:
        tx.conn.execute(
            update(job)
            .where(job.c.id == job_id, job.c.state == "running")
            .values(state=state, finished_at=tx.at, **values)
        )


def recover(store: Store) -> tuple[int, int]:
    """Queue again what a dead worker left running; returns (queued again, given up). Under the worker's lock only."""
    again = given_up = 0
    with store.writing(Permit.HOUSEKEEPING) as tx:
        for row in tx.conn.execute(select(job.c.id, job.c.result).where(job.c.state == "running")).all():
            dying = int((row.result or {}).get("attempts", 1)) >= MAX_DEATHS
            values: dict[str, Any] = {"state": "queued"}
            if dying:
                values = {
                    "state": "failed",
                    "finished_at": tx.at,
                    "error": f"the worker died {MAX_DEATHS} times over it",
                }
            tx.conn.execute(update(job).where(job.c.id == row.id).values(**values))
            again, given_up = again + (not dying), given_up + dying
    return again, given_up


def find(conn: Connection, job_id: int) -> Mapping[str, Any] | None:
    """A job's row, for whoever asked for it."""
    row = conn.execute(select(job).where(job.c.id == job_id)).mappings().first()
    return dict(row) if row is not None else None
