"""One mirror run from beginning to end: freeze, read, validate, publish or hold, and a row that says what happened.

A run that fails, or looks wrong, changes nothing but its own row and its list of rejections (P6).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from fallback_server.domain.clock import business_date, to_text
from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.modes import Permit
from fallback_server.store.locks import single_instance
from fallback_server.store.mirror import dataset_state
from fallback_server.store.session import Actor, Store
from sync.central.gateway import CentralError, CentralGateway, ColumnMissing, Probe, Snapshot, Systemic, Unreachable
from sync.mirror import records
from sync.mirror.freeze import frozen, pinned_generation
from sync.mirror.publish import Change, prune, publish
from sync.mirror.pull import Staged, pull
from sync.mirror.validate import (
    GuardRules,
    Problem,
    check,
    compare,
    content_hash,
    limits,
    set_duplicates_aside,
    set_orphans_aside,
)
from sync.mirror.workspace import LOCK, transaction, workspace

Progress = Callable[[str, int, int], None]
"""Called with (dataset, datasets done, datasets in all)."""


class MirrorRules(GuardRules, Protocol):
    """The section [mirror] of yj.toml, as far as a run needs it."""

    @property
    def registration_horizon_days(self) -> int: ...
    @property
    def prescription_horizon_days(self) -> int: ...
    @property
    def order_horizon_days(self) -> int: ...
    @property
    def generations_kept(self) -> int: ...


@dataclass
class RunReport:
    """What a run did. `state`: published, held, failed or frozen."""

    run_id: int
    state: str
    datasets: tuple[str, ...]
    generation: int | None = None
    as_of: str | None = None
    clock_offset_seconds: int | None = None
    content_hash: str | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def published(self) -> bool:
        return self.state == "published"


@dataclass
class _Work:
    """A run under way."""

    store: Store
    connection: Connection
    gateway: CentralGateway
    rules: MirrorRules
    report: RunReport
    progress: Progress
    staged: list[Staged] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def timed(self, name: str, begun: float) -> None:
        self.report.seconds[name] = round(self.report.seconds.get(name, 0.0) + time.monotonic() - begun, 3)


def run_mirror(
    store: Store,
    gateway: CentralGateway,
    rules: MirrorRules,
    datasets: Iterable[str] | None = None,
    *,
    trigger: str = "manual",
    requested_by: str = "system",
    approve: int | None = None,
    approved_reason: str | None = None,
    progress: Progress | None = None,
    wait_seconds: float | None = None,
    give_up: Callable[[], bool] | None = None,
) -> RunReport:
    """Read and publish `datasets` (all that the mapping offers by default). Waits for a running mirror.

    `approve` names a held run: its datasets are read again and published if their content is still the same, else the
    new run is held in its place. Raises ValueError for a dataset that the mapping does not offer, run_not_found or
    run_not_held for a wrong `approve`, LockBusy after `wait_seconds` or `give_up`. What goes wrong at the centre or in
    the store while the run is under way does not raise: it is in the report.
    """
    alone = single_instance(store.url, LOCK, wait_seconds=wait_seconds, give_up=give_up)
    with alone, workspace(store.url) as connection:
        with transaction(connection):
            records.close_interrupted(connection, to_text(store.clock.now()))
            held = records.held_run(connection, approve) if approve is not None else None
        wanted = _wanted(gateway, held["datasets"] if held else datasets)
        report = _enter(connection, store, wanted, "approved" if held else trigger, requested_by)
        work = _Work(store, connection, gateway, rules, report, progress or _silent)
        _carry_out(work, held)
        with transaction(connection):
            records.finish(connection, report, work.staged, to_text(store.clock.now()))
            if held and report.published:
                records.mark_approved(connection, report.run_id, requested_by, approved_reason)
    if approve is not None:
        _audit_approval(store, requested_by, approve, report)
    return report


def _wanted(gateway: CentralGateway, datasets: Iterable[str] | None) -> tuple[str, ...]:
    offered = set(gateway.offers())
    asked = set(datasets) if datasets is not None else offered
    unknown = sorted(asked - offered)
    if unknown:
        raise ValueError(f"the mapping offers no dataset {', '.join(unknown)}; it offers {', '.join(sorted(offered))}")
    # Lines and their heads are read together, or lines would be orphans.
    for name in tuple(asked):
        parent = DATASETS[name].parent
        family = {parent or name} | {d.name for d in DATASETS.values() if d.parent == (parent or name)}
        asked |= family & offered
    return tuple(name for name in DATASETS if name in asked)


def _enter(connection: Connection, store: Store, wanted: tuple[str, ...], trigger: str, by: str) -> RunReport:
    with transaction(connection):
        run_id = records.enter(connection, wanted, trigger, by, to_text(store.clock.now()))
    return RunReport(run_id, "running", wanted)


def _carry_out(work: _Work, held: Mapping[str, Any] | None) -> None:
    report = work.report
    try:
        readable = _not_frozen(work)
        if not readable:
            report.state = "frozen"
            report.problems = [problem.as_json() for problem in work.notes]
            return
        _read(work, readable)
        _validate(work, held)
        report.state = "held" if work.problems else _publish(work)
    except CentralError as error:
        report.state = "failed"
        work.problems.append(_broken(error))
    except SQLAlchemyError as error:
        # Its text may quote rows; the kind is enough to look it up in the database's own log.
        report.state, report.generation, report.counts = "failed", None, {}
        cause = type(getattr(error, "orig", None) or error).__name__
        work.problems.append(
            Problem("store", None, "本地库写入出错，镜像未更新。", f"The store refused the run: {cause}")
        )
    report.problems = [problem.as_json() for problem in (*work.problems, *work.notes)]


def _not_frozen(work: _Work) -> tuple[str, ...]:
    with work.store.reading() as tx:
        still = frozen(tx.conn, tx.mode, work.report.datasets)
    reasons = {problem.kind: problem for problem in still.values()}
    work.notes += reasons.values()
    return tuple(name for name in work.report.datasets if name not in still)


def _read(work: _Work, names: Sequence[str]) -> None:
    begun = time.monotonic()
    probe = work.gateway.probe()
    work.report.clock_offset_seconds = round(probe.clock_offset_seconds)
    _note_clock(work, probe)
    with work.gateway.snapshot() as snapshot:
        work.report.as_of = to_text(snapshot.as_of)
        for done, name in enumerate(names):
            work.progress(name, done, len(names))
            _read_one(work, snapshot, name)
    work.progress("", len(names), len(names))
    work.timed("read", begun)


def _read_one(work: _Work, snapshot: Snapshot, name: str) -> None:
    begun = time.monotonic()
    try:
        work.staged.append(pull(work.connection, snapshot, name, _binds(work, name, snapshot.as_of)))
    except ColumnMissing as error:
        work.problems.append(Problem("column_missing", name, f"{name}：中心缺少需要的列。", f"{name}: {error.detail}"))
    work.timed(f"read {name}", begun)


def _binds(work: _Work, name: str, now: datetime) -> dict[str, Any]:
    days = work.gateway.hints(name).horizon_days
    if days is None:
        days = {
            "open_registration": work.rules.registration_horizon_days,
            "open_prescription": work.rules.prescription_horizon_days,
            "open_prescription_line": work.rules.prescription_horizon_days,
        }.get(name, work.rules.order_horizon_days)
    horizon = business_date(now, work.store.clock.zone) - timedelta(days=days)
    return {"horizon_from": horizon.isoformat(), "now_at": to_text(now)}


def _note_clock(work: _Work, probe: Probe) -> None:
    if probe.clock == "ok":
        return
    seconds = round(probe.clock_offset_seconds)
    problem = Problem(
        "clock_offset", None, f"中心与备用机时钟相差 {seconds} 秒。", f"The centre's clock is {seconds} s off.",
        {"seconds": seconds},
    )  # fmt: skip
    (work.problems if probe.clock == "fail" else work.notes).append(problem)


def _validate(work: _Work, held: Mapping[str, Any] | None) -> None:
    begun = time.monotonic()
    connection, by_name = work.connection, {staged.dataset.name: staged for staged in work.staged}
    with transaction(connection):
        versions = {
            row.dataset: row.rules_version
            for row in connection.execute(select(dataset_state.c.dataset, dataset_state.c.rules_version))
        }
        for staged in work.staged:
            set_duplicates_aside(connection, staged)
        for staged in work.staged:
            set_orphans_aside(connection, staged)
            compare(connection, staged)
        for name, staged in by_name.items():
            limit = limits(name, work.rules, work.gateway.hints(name))
            work.problems += check(connection, staged, limit, versions.get(name))
        # The hash a person approves is that of what looked wrong; the rest may go on changing meanwhile.
        suspect = {problem.dataset for problem in work.problems if problem.dataset in by_name}
        work.report.content_hash = content_hash(connection, (str(name) for name in suspect or by_name))
        if held is not None and held["content_hash"] == _hash_of_held(connection, held, by_name):
            work.notes, work.problems = [*work.notes, *_approvable(work.problems)], _lasting(work.problems)
    work.timed("validate", begun)


def _hash_of_held(connection: Connection, held: Mapping[str, Any], by_name: Mapping[str, Staged]) -> str:
    """The hash of the same datasets that were hashed when the run was held."""
    suspect = {problem["dataset"] for problem in held["problems"] if problem["dataset"] in by_name}
    return content_hash(connection, suspect or by_name)


_LASTING: Final = frozenset({"column_missing", "clock_offset"})


def _approvable(problems: Iterable[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.kind not in _LASTING]


def _lasting(problems: Iterable[Problem]) -> list[Problem]:
    """What nobody can approve: there is nothing to publish, or the clocks must be set first."""
    return [problem for problem in problems if problem.kind in _LASTING]


def _publish(work: _Work) -> str:
    """Make it visible. Returns the run's state: the mode may have changed while we read."""
    begun = time.monotonic()
    with work.store.reading() as tx:
        still = frozen(tx.conn, tx.mode, (staged.dataset.name for staged in work.staged))
        pinned = pinned_generation(tx.conn)
    if still:
        work.notes += {problem.kind: problem for problem in still.values()}.values()
        work.staged = [staged for staged in work.staged if staged.dataset.name not in still]
    if not work.staged:
        return "frozen"
    report, connection = work.report, work.connection
    with transaction(connection):
        at = to_text(work.store.clock.now())
        report.generation, changes = publish(connection, report.run_id, work.staged, str(report.as_of), at)
        prune(connection, report.generation, work.rules.generations_kept, pinned)
        report.counts = {staged.dataset.name: _counts(staged, changes[staged.dataset.name]) for staged in work.staged}
        # In the same transaction: after a crash a published generation never has a run that says "interrupted".
        report.state = "published"
        work.timed("publish", begun)
        records.finish(connection, report, (), at)
    return "published"


def _counts(staged: Staged, change: Change) -> dict[str, int]:
    return {
        "read": staged.read,
        "rejected": staged.rejected,
        "inserted": change.inserted,
        "updated": change.updated,
        "retired": change.retired,
    }


def _broken(error: CentralError) -> Problem:
    if isinstance(error, Unreachable):
        return Problem("unreachable", None, "中心连不上，镜像未更新。", f"The centre does not answer: {error.detail}")
    kind = "misconfigured" if isinstance(error, Systemic) else "refused"
    return Problem(kind, None, "读取中心数据出错，镜像未更新。", f"The centre could not be read: {error.detail}")


def _audit_approval(store: Store, by: str, run_id: int, report: RunReport) -> None:
    with store.writing(Permit.HOUSEKEEPING, Actor(by, by)) as tx:
        tx.audit("mirror.approve", subject=str(run_id), ok=report.published, run=report.run_id, state=report.state)


def _silent(dataset: str, done: int, total: int) -> None:
    """No progress wanted."""
