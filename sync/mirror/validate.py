"""Does what was read look like a hospital? Bad rows are set aside; a run that looks wrong is held whole."""

# ruff: noqa: S608  (names of tables and columns come from domain.datasets, never from data)

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Connection, text

from fallback_server.domain.datasets import DATASETS, PRICE
from sync.central.gateway import DatasetHints
from sync.mirror.normalise import RULES_VERSION, Rejection
from sync.mirror.pull import Diff, Staged, diff_table, staging_table

# These change all day by their nature: only emptiness and keys say anything about them.
VOLATILE: Final = frozenset({"drug_stock", "schedule", "receipt_book"})
PATIENT_LISTS: Final = frozenset({"patient", "patient_card"})
# Below this many rows a share means nothing: one of ten departments may close.
FEW_ROWS: Final = 5
_BATCH: Final = 2000


class GuardRules(Protocol):
    """The guards of [mirror] in yj.toml."""

    @property
    def guard_shrink_percent(self) -> int: ...
    @property
    def guard_patient_shrink_percent(self) -> int: ...
    @property
    def guard_changed_percent(self) -> int: ...
    @property
    def guard_price_factor(self) -> int: ...
    @property
    def guard_price_rows(self) -> int: ...


@dataclass(frozen=True)
class Problem:
    """Why a run is held, failed or frozen. Sentences for staff in both languages; `numbers` for IT."""

    kind: str
    dataset: str | None
    zh: str
    en: str
    numbers: Mapping[str, int] | None = None

    def as_json(self) -> dict[str, Any]:
        named = {"kind": self.kind, "dataset": self.dataset, "zh": self.zh, "en": self.en}
        return {**named, "numbers": dict(self.numbers or {})}


@dataclass(frozen=True)
class Limits:
    """The guards of one dataset, with the mapping's own where it has them. None: this guard does not apply."""

    may_be_empty: bool
    shrink_percent: int | None
    changed_percent: int | None
    price_factor: int
    price_rows: int


def limits(dataset: str, rules: GuardRules, hints: DatasetHints) -> Limits:
    """Which guards apply to a dataset."""
    is_open = DATASETS[dataset].group == "open"
    own = rules.guard_patient_shrink_percent if dataset in PATIENT_LISTS else rules.guard_shrink_percent
    free = is_open or dataset in VOLATILE
    return Limits(
        may_be_empty=hints.may_be_empty or is_open,
        shrink_percent=_first(hints.shrink_percent, None if free else own),
        changed_percent=_first(hints.changed_percent, None if free else rules.guard_changed_percent),
        price_factor=_first(hints.price_factor, rules.guard_price_factor) or rules.guard_price_factor,
        price_rows=rules.guard_price_rows if hints.price_rows is None else hints.price_rows,
    )


def _first(own: int | None, general: int | None) -> int | None:
    return general if own is None else own


def set_orphans_aside(connection: Connection, staged: Staged) -> None:
    """Lines whose parent was not read, or was set aside, go with it."""
    parent = staged.dataset.parent
    if parent is None:
        return
    key = DATASETS[parent].keys[0]
    keys = " || '/' || ".join(f"CAST({name} AS varchar(64))" for name in staged.dataset.keys)
    # NOT IN, not NOT EXISTS: SQLite then looks every line up in one list instead of searching the heads for each.
    lonely = f"s.{key} NOT IN (SELECT p.{key} FROM {staging_table(parent)} p)"
    rows = connection.execute(text(f"SELECT {keys} FROM {staged.table} s WHERE {lonely}"))
    _note(staged, rows.scalars(), "orphan", f"no {parent}")
    connection.execute(text(f"DELETE FROM {staged.table} AS s WHERE {lonely}"))


def _note(staged: Staged, keys: Iterable[Any], reason: str, detail: str) -> None:
    for key in keys:
        staged.set_aside(Rejection(staged.dataset.name, str(key), reason, detail))


def set_duplicates_aside(connection: Connection, staged: Staged) -> None:
    """Note every key that stands there twice and keep one row of it, the same in whichever order they came.

    A run with duplicates is held; the rows kept are what is published if a person approves it.
    """
    keys = " || '/' || ".join(f"min(CAST({name} AS varchar(64)))" for name in staged.dataset.keys)
    twice = f"SELECT id FROM {staged.table} GROUP BY id HAVING count(*) > 1"
    found = connection.execute(
        text(f"SELECT {keys}, count(*) FROM {staged.table} WHERE id IN ({twice}) GROUP BY id ORDER BY 1")
    ).all()
    for key, count in found:
        for _ in range(count - 1):
            staged.set_aside(Rejection(staged.dataset.name, str(key), "duplicate_key", f"{count} rows"))
    if not found:
        return
    place = "ctid" if connection.dialect.name == "postgresql" else "rowid"
    connection.execute(
        text(
            f"DELETE FROM {staged.table} AS s WHERE EXISTS (SELECT 1 FROM {staged.table} o WHERE o.id = s.id"
            f" AND (o.row_hash < s.row_hash OR (o.row_hash = s.row_hash AND o.{place} < s.{place})))"
        )
    )


def compare(connection: Connection, staged: Staged) -> None:
    """Find once what differs from the mirror; guards and publish then look at the differences only."""
    name, stage, table = staged.dataset.name, staged.table, diff_table(staged.dataset.name)
    published = _one(connection, f"SELECT count(*) FROM mirror.{name}")
    connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    # CROSS JOIN keeps SQLite on one pass over the wide rows; ids are looked up in the narrow index.
    both = f"mirror.{name} d CROSS JOIN {stage} s"
    changed = f"SELECT d.id, 'u' AS op FROM {both} WHERE s.id = d.id AND s.row_hash <> d.row_hash"
    gone = (
        f"SELECT d.id, 'd' FROM mirror.{name} d WHERE NOT EXISTS (SELECT 1 FROM {stage} s WHERE s.id = d.id)"
        f" AND NOT EXISTS (SELECT 1 FROM {stage}_kept k WHERE k.id = d.id)"
    )
    new = f"SELECT s.id, 'i' FROM {stage} s WHERE NOT EXISTS (SELECT 1 FROM mirror.{name} d WHERE d.id = s.id)"
    # The first load is all new; it is not worth a list of its own.
    found = f"{changed} UNION ALL {gone} UNION ALL {new}" if published else f"{changed} AND 1 = 0"
    connection.execute(text(f"CREATE TEMPORARY TABLE {table} AS {found}"))
    counted = connection.execute(text(f"SELECT op, count(*) FROM {table} GROUP BY op")).all()
    counts = {str(row[0]): int(row[1]) for row in counted}
    staged.diff = Diff(published, counts.get("u", 0), counts.get("d", 0), counts.get("i", 0))


def content_hash(connection: Connection, datasets: Iterable[str]) -> str:
    """A hash of everything staged for these datasets: their row hashes in the order of their ids."""
    digest = hashlib.sha256()
    for name in sorted(datasets):
        digest.update(f"{name}\n".encode())
        rows = connection.execute(
            text(f"SELECT row_hash FROM {staging_table(name)} ORDER BY id, row_hash"),
            execution_options={"stream_results": True},
        )
        while batch := rows.fetchmany(_BATCH):
            digest.update("".join(row[0] for row in batch).encode())
    return digest.hexdigest()


def check(connection: Connection, staged: Staged, limit: Limits, rules_version: int | None) -> list[Problem]:
    """The run guards of one dataset against what is published now. Needs its `Diff`."""
    name, diff = staged.dataset.name, staged.diff
    problems = [*_key_problems(staged), *_too_many_rejected(staged, limit)]
    if diff.published == 0:
        return problems
    if staged.read == staged.rejected and not limit.may_be_empty:
        return [*problems, _emptied(name, diff.published)]
    problems += _shrunk(name, diff.published, diff.gone, limit)
    if rules_version == RULES_VERSION:
        problems += _changed(name, diff.published, diff.gone + diff.changed, limit)
    return problems + _prices(connection, staged, limit)


def _one(connection: Connection, sql: str) -> int:
    return int(connection.execute(text(sql)).scalar_one())


def _key_problems(staged: Staged) -> list[Problem]:
    name, problems = staged.dataset.name, []
    surplus = staged.reasons.get("duplicate_key", 0)
    if surplus:
        problems.append(
            Problem(
                "duplicate_keys", name, f"{name}：有 {surplus} 行主键重复。", f"{name}: {surplus} rows repeat a key.",
                {"rows": surplus},
            )
        )  # fmt: skip
    missing = staged.reasons.get("key_missing", 0)
    if missing:
        problems.append(
            Problem(
                "null_keys", name, f"{name}：有 {missing} 行没有主键。", f"{name}: {missing} rows have no key.",
                {"rows": missing},
            )
        )  # fmt: skip
    return problems


def _too_many_rejected(staged: Staged, limit: Limits) -> list[Problem]:
    """Single bad rows stop nothing; a wave of them is a broken source."""
    name, bad = staged.dataset.name, staged.rejected - staged.reasons.get("duplicate_key", 0)
    garbled = staged.reasons.get("replacement_character", 0)
    problems = []
    if bad > max(FEW_ROWS, staged.read * (limit.shrink_percent or 5) // 100):
        problems.append(
            Problem(
                "many_rejected", name, f"{name}：{staged.read} 行中有 {bad} 行不合格。",
                f"{name}: {bad} of {staged.read} rows were set aside.", {"rejected": bad, "read": staged.read},
            )
        )  # fmt: skip
    if garbled > limit.price_rows:
        problems.append(
            Problem(
                "garbled_text", name, f"{name}：有 {garbled} 行出现乱码。",
                f"{name}: {garbled} rows hold replacement characters; check the code page.", {"rows": garbled},
            )
        )  # fmt: skip
    return problems


def _emptied(name: str, now: int) -> Problem:
    return Problem(
        "emptied", name, f"{name}：中心返回 0 行，现有 {now} 行。",
        f"{name}: the centre gave no rows where there were {now}.", {"published": now, "read": 0},
    )  # fmt: skip


def _shrunk(name: str, now: int, gone: int, limit: Limits) -> list[Problem]:
    if limit.shrink_percent is None or gone * 100 <= limit.shrink_percent * now or gone < FEW_ROWS:
        return []
    return [
        Problem(
            "shrunk", name, f"{name}：{now} 行中少了 {gone} 行。", f"{name}: {gone} of {now} rows would vanish.",
            {"published": now, "gone": gone},
        )
    ]  # fmt: skip


def _changed(name: str, now: int, changed: int, limit: Limits) -> list[Problem]:
    if limit.changed_percent is None or changed * 100 <= limit.changed_percent * now or changed <= FEW_ROWS:
        return []
    return [
        Problem(
            "much_changed", name, f"{name}：{now} 行中有 {changed} 行同时变化。",
            f"{name}: {changed} of {now} rows would change at once.", {"published": now, "changed": changed},
        )
    ]  # fmt: skip


def _prices(connection: Connection, staged: Staged, limit: Limits) -> list[Problem]:
    name, wild = staged.dataset.name, 0
    if staged.dataset.group == "open":
        return []
    for price in (c.name for c in staged.dataset.columns if c.type == PRICE):
        up = f"s.{price} >= d.{price} * {limit.price_factor}"
        down = f"s.{price} * {limit.price_factor} <= d.{price}"
        both = f"mirror.{name} d JOIN {staged.table} s ON s.id = d.id"
        wild += _one(connection, f"SELECT count(*) FROM {both} WHERE d.{price} > 0 AND ({up} OR {down})")
    if wild <= limit.price_rows:
        return []
    return [
        Problem(
            "wild_prices", name, f"{name}：有 {wild} 个价格变化达 {limit.price_factor} 倍。",
            f"{name}: {wild} prices change by {limit.price_factor} times or to nothing.", {"rows": wild},
        )
    ]  # fmt: skip
