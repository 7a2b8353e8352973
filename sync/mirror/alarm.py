"""When somebody must look at the mirror: judged from the run rows, said once, taken back when its cause is gone.

A centre that cannot be reached has an alarm of its own (the worker's probe sounds it), so the mirror adds none to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from fallback_server.domain.clock import from_text
from fallback_server.domain.datasets import DATASETS, MASTER_DATASETS, OPEN_DATASETS
from fallback_server.store import alarms
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
        runs = _runs(tx)
        centre_lost = bool(alarms.on(tx.conn, alarms.CENTRE))
        for group, names in GROUPS.items():
            trouble = in_runs(runs, names, centre_lost=centre_lost) or _stale(tx, group, names, rules, centre_lost)
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
    wanted = (run.c.run_id, run.c.state, run.c.datasets, run.c.counts, run.c.problems)
    statement = select(*wanted).where(run.c.state != "running").order_by(run.c.run_id.desc()).limit(LOOKED_BACK)
    return list(tx.conn.execute(statement).mappings())


def in_runs(runs: Sequence[Mapping[Any, Any]], names: Iterable[str], *, centre_lost: bool = False) -> Trouble | None:
    """What the newest runs (first is newest) say of these datasets; a run that is published answers for its own."""
    left, failures = set(names), list[Mapping[Any, Any]]()
    for one in runs:
        mine = left & set(one["counts"] if one["state"] == "published" else one["datasets"])
        if not mine:
            continue
        if one["state"] == "held" and (held := _held(one, left)) is not None:
            return held
        if one["state"] == "failed":
            failures.append(one)
        else:
            left -= mine
    return _failing(failures, centre_lost)


def _held(one: Mapping[Any, Any], names: set[str]) -> Trouble | None:
    mine = [problem for problem in one["problems"] if problem["dataset"] is None or problem["dataset"] in names]
    if not mine:
        return None
    # The same trouble in the next run is no new alarm, whatever its figures are by then.
    signs = sorted({f"{problem['kind']}:{problem['dataset']}" for problem in mine})
    sign = hashlib.blake2b(",".join(signs).encode(), digest_size=4).hexdigest()
    zh, en = "；".join(problem["zh"] for problem in mine), " ".join(problem["en"] for problem in mine)
    number = one["run_id"]
    return Trouble(f"held-{sign}", f"镜像运行 {number} 待确认：{zh}", f"Mirror run {number} is held: {en}", int(number))


def _failing(failures: Sequence[Mapping[Any, Any]], centre_lost: bool) -> Trouble | None:
    """`failures` newest first, with nothing better between them."""
    if not failures:
        return None
    kinds = [_kind(one) for one in failures]
    newest, problem = kinds[0], next(iter(failures[0]["problems"]), {"zh": "", "en": ""})
    in_a_row = next((i for i, kind in enumerate(kinds) if kind != newest), len(kinds))
    if newest in QUIET or (newest == "unreachable" and centre_lost):
        return None
    if newest not in AT_ONCE and in_a_row < STUCK_AFTER:
        return None
    zh, en = problem["zh"], problem["en"]
    return Trouble(
        f"failed-{newest}", f"镜像连续失败（{newest}）：{zh}", f"The mirror keeps failing ({newest}): {en}",
        int(failures[0]["run_id"]),
    )  # fmt: skip


def _kind(one: Mapping[Any, Any]) -> str:
    return str(next((problem["kind"] for problem in one["problems"]), "unknown"))


def _stale(tx: Tx, group: str, names: Iterable[str], rules: StaleRules, centre_lost: bool) -> Trouble | None:
    """A copy that nobody noticed stopping. Frozen, stopped and cut off have their own words."""
    if centre_lost or alarms.stopped(tx.conn) is not None or alarms.on(tx.conn, f"{alarms.MIRROR}.stop"):
        return None
    rows = tx.conn.execute(select(dataset_state.c.dataset, dataset_state.c.as_of))
    known = {row.dataset: row.as_of for row in rows}
    still = frozen(tx.conn, tx.mode, names)
    limit = (rules.stale_fail_minutes if group == "master" else rules.open_work_stale_fail_minutes) * 60
    old = {
        name: age
        for name in names
        if name in known
        and name not in still
        and (age := int((tx.now - from_text(known[name])).total_seconds())) > limit
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
