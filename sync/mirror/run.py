"""One mirror run from beginning to end: freeze, read, validate, publish or hold, and a row that says what happened.

A run that fails, or looks wrong, changes nothing but its own row and its list of rejections (P6).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, SQLAlchemyError

from fallback_server.domain.clock import to_text
from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store.locks import single_instance
from fallback_server.store.session import Actor, Store
from fallback_server.store.trouble import OF_THE_STORE, trouble_of
from sync.central.gateway import CentralError, CentralGateway, ColumnMissing, Probe, Systemic, Unreachable
from sync.mirror import afterwards, records, rewound, torn
from sync.mirror.compare import compare, content_hash, set_duplicates_aside, set_families_aside
from sync.mirror.freeze import frozen, greatest_generation, pinned_generation
from sync.mirror.publish import Change, prune, publish
from sync.mirror.pull import How, Staged
from sync.mirror.reading import Horizons, Reader, Standing, awake, plans, standings
from sync.mirror.validate import GuardRules, Problem, check, limits
from sync.mirror.workspace import LOCK, transaction, workspace

Progress = Callable[[str, int, int], None]
"""Called with (dataset, datasets done, datasets in all)."""


class MirrorRules(GuardRules, Horizons, Protocol):
    """The section [mirror] of yj.toml, as far as a run needs it."""

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
    sweep: Collection[str] = ()
    standing: dict[str, Standing] = field(default_factory=dict)
    how: dict[str, How] = field(default_factory=dict)
    staged: list[Staged] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    greatest: rewound.Greatest = field(default_factory=dict)

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
    sweep: Collection[str] = (),
) -> RunReport:
    """Read and publish `datasets` (all that the mapping offers by default). Waits for a running mirror.

    Of those named in `sweep` every row is looked at, those with a watermark too: deletes and late commits are found.
    What the mapping lets rest is left alone by a scheduled run and by one of all datasets, unless `sweep` names it or
    the mirror has nothing of it yet.

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
        hints = {name: gateway.hints(name) for name in wanted}
        with store.reading() as tx:  # the first run after a return leaves nothing out
            marked = [name for name in wanted if hints[name].watermark or hints[name].rests]
            sweep = {*sweep, *afterwards.due(tx.conn, marked)}
        if held is None and (datasets is None or trigger == "schedule"):
            with transaction(connection):
                wanted = awake(connection, wanted, hints, sweep)
        report = _enter(connection, store, wanted, "approved" if held else trigger, requested_by)
        # What a sweep found is only found again by a sweep.
        work = _Work(store, connection, gateway, rules, report, progress or _silent, wanted if held else sweep)
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
        report.state = _attempt(work, readable, held)
    except CentralError as error:
        report.state = "failed"
        work.problems.append(_broken(error))
    except (SQLAlchemyError, YjError) as error:
        if isinstance(error, YjError) and error.code not in OF_THE_STORE:
            raise
        report.state, report.generation, report.counts = "failed", None, {}
        work.problems.append(_refused_by_store(error))
    report.problems = [_told(work, problem) for problem in (*work.problems, *work.notes)]


def _refused_by_store(error: SQLAlchemyError | YjError) -> Problem:
    """In words where they are known. Else the kind: the text may quote rows, and the database's own log has it."""
    told = trouble_of(error) if isinstance(error, DBAPIError | DisconnectionError) else error
    if isinstance(told, YjError):
        return Problem("store", None, f"镜像未更新：{told.sentence('zh')}", f"{told.sentence('en')} {told.hint()}")
    cause = type(getattr(error, "orig", None) or error).__name__
    return Problem("store", None, "本地库写入出错，镜像未更新。", f"The store refused the run: {cause}")


def _told(work: _Work, problem: Problem) -> dict[str, Any]:
    """A problem for the run's row. `whole`: only another look at every row would meet it again."""
    marked = (staged for staged in work.staged if work.gateway.hints(staged.dataset.name).watermark)
    whole = any(staged.dataset.name == problem.dataset and staged.whole for staged in marked)
    return {**problem.as_json(), **({"whole": True} if whole else {})}


def _not_frozen(work: _Work) -> tuple[str, ...]:
    with work.store.reading() as tx:
        still = frozen(tx.conn, tx.mode, work.report.datasets)
    reasons = {problem.kind: problem for problem in still.values()}
    work.notes += reasons.values()
    return tuple(name for name in work.report.datasets if name not in still)


def _attempt(work: _Work, names: tuple[str, ...], held: Mapping[str, Any] | None) -> str:
    """Read, judge, publish. A first load that meets a key twice is taken back, and read again where keys may repeat."""
    with transaction(work.connection):
        work.standing = standings(work.connection, names)
    hints = {name: work.gateway.hints(name) for name in names}
    _ask_whether_rewound(work)
    work.how = plans(work.standing, hints, work.sweep, plain=True)
    if "load" not in work.how.values():
        return _read_and_publish(work, held)
    problems, notes = [*work.problems], [*work.notes]
    try:
        return _load_and_publish(work, held)
    except IntegrityError:
        work.staged, work.problems, work.notes = [], problems, notes
        work.how = plans(work.standing, hints, work.sweep, plain=False)
        return _read_and_publish(work, held)


def _ask_whether_rewound(work: _Work) -> None:
    """Before anything is read: what a centre that went back has lost is only found by a whole read."""
    before = {name: standing.before for name, standing in work.standing.items()}
    work.greatest, unanswered = rewound.ask(work.gateway, before)
    work.notes += [unanswered] if unanswered else []
    work.sweep = {*work.sweep, *rewound.behind(before, work.greatest)}


def _read_and_publish(work: _Work, held: Mapping[str, Any] | None) -> str:
    _read(work)
    _validate(work, held)
    return "held" if work.problems else _publish(work)


def _load_and_publish(work: _Work, held: Mapping[str, Any] | None) -> str:
    """The same inside one transaction: rows of a first load are in their tables before anybody judged them."""
    state = ""
    try:
        with transaction(work.connection):
            state = _read_and_publish(work, held)
            if state != "published":
                raise _TakeBack
    except _TakeBack:
        work.report.generation, work.report.counts = None, {}
    return state


class _TakeBack(Exception):
    """Leave nothing of this transaction."""


def _read(work: _Work) -> None:
    begun = time.monotonic()
    probe = work.gateway.probe()
    work.report.clock_offset_seconds = round(probe.clock_offset_seconds)
    _note_clock(work, probe)
    with work.gateway.snapshot() as snapshot:
        work.report.as_of = to_text(snapshot.as_of)
        reader = Reader(work.connection, snapshot, probe, work.rules, work.store.clock.zone)
        for done, name in enumerate(work.how if snapshot.one_moment else torn.children_first(work.how)):
            work.progress(name, done, len(work.how))
            _read_one(work, reader, name)
        if not snapshot.one_moment:
            work.staged = torn.read_again(work.connection, work.staged, lambda name: _read_of(work, reader, name))
    work.progress("", len(work.how), len(work.how))
    work.timed("read", begun)


def _read_one(work: _Work, reader: Reader, name: str) -> None:
    begun = time.monotonic()
    try:
        work.staged.append(_read_of(work, reader, name))
    except ColumnMissing as error:
        work.problems.append(Problem("column_missing", name, f"{name}：中心缺少需要的列。", f"{name}: {error.detail}"))
    work.timed(f"read {name}", begun)


def _read_of(work: _Work, reader: Reader, name: str) -> Staged:
    return reader.read(name, work.how[name], work.standing[name], work.gateway.hints(name))


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
        for staged in work.staged:
            set_duplicates_aside(connection, staged)
        set_families_aside(connection, work.staged)
        for staged in work.staged:
            compare(connection, staged, work.standing[staged.dataset.name].before.rows)
        for name, staged in by_name.items():
            limit = limits(name, work.rules, work.gateway.hints(name))
            work.problems += check(connection, staged, limit, work.standing[name].before)
            held_by, noted = rewound.check(connection, staged, work.standing[name].before, work.greatest)
            work.problems, work.notes = [*work.problems, *held_by], [*work.notes, *noted]
        # The hash a person approves is that of what looked wrong; the rest may go on changing meanwhile.
        suspect = {problem.dataset for problem in work.problems if problem.dataset in by_name}
        work.report.content_hash = content_hash(connection, [by_name[str(name)] for name in suspect or by_name])
        if held is not None and held["content_hash"] == _hash_of_held(connection, held, by_name):
            work.notes, work.problems = [*work.notes, *_approvable(work.problems)], _lasting(work.problems)
    work.timed("validate", begun)


def _hash_of_held(connection: Connection, held: Mapping[str, Any], by_name: Mapping[str, Staged]) -> str:
    """The hash of the same datasets that were hashed when the run was held."""
    suspect = {problem["dataset"] for problem in held["problems"] if problem["dataset"] in by_name}
    return content_hash(connection, [by_name[name] for name in suspect or by_name])


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
        pinned, named = pinned_generation(tx.conn), greatest_generation(tx.conn)
    if still:
        work.notes += {problem.kind: problem for problem in still.values()}.values()
        loaded = any(staged.loaded is not None for staged in work.staged if staged.dataset.name in still)
        # Rows of a first load cannot stay behind alone: then nothing of the run is published.
        work.staged = [] if loaded else [staged for staged in work.staged if staged.dataset.name not in still]
    if not work.staged:
        return "frozen"
    report, connection = work.report, work.connection
    with transaction(connection):
        at = to_text(work.store.clock.now())
        report.generation, changes = publish(connection, report.run_id, work.staged, str(report.as_of), at, named)
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
