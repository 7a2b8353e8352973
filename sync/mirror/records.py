"""The run rows: what was asked, what became of it, what was set aside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, select, update

from fallback_server.domain.errors import YjError
from fallback_server.store.mirror import rejection, run
from sync.mirror.pull import Staged
from sync.mirror.validate import Problem

if TYPE_CHECKING:
    from sync.mirror.run import RunReport

RUNS_KEPT: Final = 2000  # a week of runs every five minutes


def enter(connection: Connection, datasets: Sequence[str], trigger: str, by: str, at: str) -> int:
    """Enter a run that is about to start; returns its number."""
    values = {
        "trigger": trigger,
        "requested_by": by,
        "datasets": list(datasets),
        "state": "running",
        "started_at": at,
        "counts": {},
        "problems": [],
        "seconds": {},
    }
    key = connection.execute(run.insert().values(**values)).inserted_primary_key
    assert key is not None  # noqa: S101  (an insert into this table always has one)
    return int(key[0])


def finish(connection: Connection, report: RunReport, staged: Iterable[Staged], at: str) -> None:
    """Write what became of a run, and the rows it set aside. A repeated frozen run replaces its predecessor."""
    connection.execute(
        update(run)
        .where(run.c.run_id == report.run_id)
        .values(
            state=report.state,
            finished_at=at,
            as_of=report.as_of,
            clock_offset_seconds=report.clock_offset_seconds,
            content_hash=report.content_hash,
            counts=report.counts,
            problems=report.problems,
            seconds=report.seconds,
        )
    )
    rows = [
        {"run_id": report.run_id, "dataset": r.dataset, "row_key": r.row_key, "reason": r.reason, "detail": r.detail}
        for each in staged
        for r in each.rejections
    ]
    if rows:
        connection.execute(rejection.insert(), rows)
    if report.state == "frozen":
        _forget_same_before(connection, report)
    _forget_old(connection, report.run_id)


def _forget_same_before(connection: Connection, report: RunReport) -> None:
    # An outage of eighteen hours would otherwise leave hundreds of rows that say the same.
    before = connection.execute(
        select(run.c.run_id, run.c.state, run.c.datasets)
        .where(run.c.run_id < report.run_id)
        .order_by(run.c.run_id.desc())
        .limit(2)
    ).all()
    for row in before:
        if row.state == "frozen" and list(row.datasets) == list(report.datasets):
            connection.execute(run.delete().where(run.c.run_id == row.run_id))


def _forget_old(connection: Connection, newest: int) -> None:
    last = newest - RUNS_KEPT
    connection.execute(rejection.delete().where(rejection.c.run_id <= last))
    connection.execute(run.delete().where(run.c.run_id <= last, run.c.state.in_(("failed", "frozen"))))


def close_interrupted(connection: Connection, at: str) -> None:
    """Runs of a process that died. The caller holds the mirror's lock, so nobody is at work on them."""
    problem = Problem(
        "interrupted", None, "镜像进程中断，数据未变。", "The process died; nothing was changed."
    ).as_json()
    connection.execute(
        update(run).where(run.c.state == "running").values(state="failed", finished_at=at, problems=[problem])
    )


def held_run(connection: Connection, run_id: int) -> dict[str, Any]:
    """A run that waits for approval; raises run_not_found or run_not_held."""
    row = connection.execute(select(run).where(run.c.run_id == run_id)).mappings().first()
    if row is None:
        raise YjError("run_not_found")
    if row["state"] != "held":
        raise YjError("run_not_held", state=row["state"])
    return dict(row)


def mark_approved(connection: Connection, run_id: int, by: str, reason: str | None) -> None:
    """Who let a run through, and why."""
    connection.execute(update(run).where(run.c.run_id == run_id).values(approved_by=by, approved_reason=reason))
