"""When somebody must look at the mirror: judged from the run rows, said once, taken back when its cause is gone.

A centre that cannot be reached has an alarm of its own (the worker's probe sounds it), so the mirror adds none to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from fallback_server.domain.clock import from_text
from fallback_server.domain.datasets import DATASETS, MASTER_DATASETS, OPEN_DATASETS
from fallback_server.store import alarms, mirror_status, stop_orders
from fallback_server.store.mirror import dataset_state, run
from fallback_server.store.session import Store, Tx
from sync.mirror.freeze import frozen
from sync.mirror.status import StaleRules

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {"master": MASTER_DATASETS, "open": OPEN_DATASETS}
STUCK_AFTER: Final = 3  # failures of the same kind, one after the other
AT_ONCE: Final = frozenset({"misconfigured"})  # nothing of this mends itself
QUIET: Final = frozenset({"stopped", "stopping"})
LOOKED_BACK: Final = 60


@dataclass(frozen=True)
class Trouble:
    """What is wrong with one group of datasets."""

    kind: str
    zh: str
    en: str
    run_id: int | None = None


def look(store: Store, rules: StaleRules) -> dict[str, Trouble]:
    """Judge both groups and turn their alarms on or off. Returns what is wrong, by group."""
    found: dict[str, Trouble] = {}
    with store.reading() as tx:
        runs, since = _runs(tx), mirror_status.swept(tx.conn)
        away_until = _away_until(tx)
        for group, names in GROUPS.items():
            trouble = in_runs(runs, names, away_until=away_until, swept=since) or _stale(
                tx, group, names, rules, runs, away_until
            )
            if trouble is not None:
                found[group] = trouble
    for group in GROUPS:
        subject, trouble = f"{alarms.MIRROR}.{group}", found.get(group)
        if trouble is None:
            alarms.silence(store, subject)
        else:
            alarms.sound(store, subject, trouble.kind, trouble.zh, trouble.en, run=trouble.run_id)
    return found


def _runs(tx: Tx) -> list[Mapping[Any, Any]]:
    wanted = select(
        run.c.run_id, run.c.state, run.c.datasets, run.c.counts, run.c.problems, run.c.finished_at, run.c.as_of
    ).order_by(run.c.run_id.desc())
    newest = list(tx.conn.execute(wanted.limit(LOOKED_BACK)).mappings())
    last = newest[-1]["run_id"] if newest else 0
    # What a sweep was held for waits for a person, however many runs there were since.
    held = tx.conn.execute(wanted.where(run.c.state == "held", run.c.run_id < last).limit(LOOKED_BACK)).mappings()
    return [*newest, *(one for one in held if mirror_status.found_by_sweep(one))]


def _away_until(tx: Tx) -> str:
    """Until when the centre was known to be away, `~` (after every time) while it is; it has an alarm of its own."""
    away = alarms.alarm.c.kind.in_(alarms.CENTRE_AWAY)
    closed = select(alarms.alarm.c.closed_at).where(alarms.alarm.c.subject == alarms.CENTRE, away)
    newest = tx.conn.execute(closed.order_by(alarms.alarm.c.id.desc()).limit(1)).first()
    return "" if newest is None else newest.closed_at or "~"


def in_runs(
    runs: Sequence[Mapping[Any, Any]],
    names: Iterable[str],
    *,
    away_until: str = "",
    swept: Mapping[str, str] | None = None,
) -> Trouble | None:
    """What the newest runs (first is newest) say of these datasets; a run that is published answers for its own.

    Runs that could not reach the centre while that was known to be away (`away_until`) say nothing. What a held sweep
    found is only answered for by another one that was published (`swept`: as of when).
    """
    left, failures = set(names), list[Mapping[Any, Any]]()
    asked = frozenset(left)
    for one in runs:
        mine = left & set(one["counts"] if one["state"] == "published" else one["datasets"])
        missed = asked & mirror_status.unswept(one, swept or {}) if one["state"] == "held" and swept else set()
        if not (mine or missed) or one["state"] == "running" or _excused(one, away_until):
            continue
        if one["state"] == "held" and (held := _held(one, left if mine else set(), missed)) is not None:
            return held
        if one["state"] == "failed":
            failures.append(one)
        else:
            left -= mine
    return _failing(failures)


def _excused(one: Mapping[Any, Any], away_until: str) -> bool:
    return one["state"] == "failed" and _kind(one) == "unreachable" and str(one["finished_at"]) <= away_until


def _held(one: Mapping[Any, Any], left: set[str], missed: Collection[str]) -> Trouble | None:
    mine = [
        problem
        for problem in one["problems"]
        if problem["dataset"] in left or problem["dataset"] in missed or (problem["dataset"] is None and left)
    ]
    if not mine:
        return None
    # The same trouble in the next run is no new alarm, whatever its figures are by then.
    signs = sorted({f"{problem['kind']}:{problem['dataset']}" for problem in mine})
    sign = hashlib.blake2b(",".join(signs).encode(), digest_size=4).hexdigest()
    zh, en = "；".join(problem["zh"] for problem in mine), " ".join(problem["en"] for problem in mine)
    number = one["run_id"]
    return Trouble(f"held-{sign}", f"镜像运行 {number} 待确认：{zh}", f"Mirror run {number} is held: {en}", int(number))


def _failing(failures: Sequence[Mapping[Any, Any]]) -> Trouble | None:
    """`failures` newest first, with nothing better between them."""
    if not failures:
        return None
    kinds = [_kind(one) for one in failures]
    newest, problem = kinds[0], next(iter(failures[0]["problems"]), {"zh": "", "en": ""})
    in_a_row = next((i for i, kind in enumerate(kinds) if kind != newest), len(kinds))
    if newest in QUIET or (newest not in AT_ONCE and in_a_row < STUCK_AFTER):
        return None
    zh, en = problem["zh"], problem["en"]
    return Trouble(
        f"failed-{newest}", f"镜像连续失败（{newest}）：{zh}", f"The mirror keeps failing ({newest}): {en}",
        int(failures[0]["run_id"]),
    )  # fmt: skip


def _kind(one: Mapping[Any, Any]) -> str:
    return str(next((problem["kind"] for problem in one["problems"]), "unknown"))


def _stale(
    tx: Tx,
    group: str,
    names: Sequence[str],
    rules: StaleRules,
    runs: Sequence[Mapping[Any, Any]],
    away_until: str,
) -> Trouble | None:
    """A copy that nobody noticed stopping. Frozen, stopped and cut off have their own words."""
    if stop_orders.stopped(tx.conn) is not None or alarms.on(tx.conn, f"{alarms.MIRROR}.stop"):
        return None
    newest = next((one for one in runs if set(one["datasets"]) & set(names)), None)
    # The run that will make it fresh again is at work, or about to begin.
    if newest is not None and (newest["state"] in ("running", "frozen") or _excused(newest, away_until)):
        return None
    still = frozen(tx.conn, tx.mode, names)
    rows = tx.conn.execute(select(dataset_state.c.dataset, dataset_state.c.as_of, dataset_state.c.rests))
    known = {row.dataset: row for row in rows if row.dataset in names and row.dataset not in still}
    old = {
        name: age
        for name in names  # in one order: of several as old as each other the same one is named every time
        if (row := known.get(name)) is not None
        and (age := int((tx.now - from_text(row.as_of)).total_seconds()))
        > mirror_status.limits(group, rules, rests=row.rests)[1]
    }
    if not old:
        return None
    worst = max(old, key=lambda name: old[name])
    assert worst in DATASETS  # noqa: S101  (names are those of the groups)
    minutes = old[worst] // 60
    return Trouble(
        "stale", f"镜像已过期：{worst} 等 {len(old)} 项，最旧 {minutes} 分钟。",
        f"The mirror is old: {len(old)} datasets, {worst} by {minutes} minutes.",
    )  # fmt: skip
