"""Does what was read look like a hospital? Bad rows are set aside; a run that looks wrong is held whole."""

# ruff: noqa: S608  (names of tables and columns come from domain.datasets, never from data)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Connection, text

from fallback_server.domain.datasets import DATASETS, PRICE
from sync.central.gateway import DatasetHints
from sync.mirror import examples
from sync.mirror.normalise import RULES_VERSION
from sync.mirror.pull import Diff, Staged

# These change all day by their nature: only emptiness and keys say anything about them.
VOLATILE: Final = frozenset({"drug_stock", "schedule", "receipt_book"})
PATIENT_LISTS: Final = frozenset({"patient", "patient_card"})
# Below this many rows a share means nothing: one of ten departments may close.
FEW_ROWS: Final = 5


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
    examples: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        named = {"kind": self.kind, "dataset": self.dataset, "zh": self.zh, "en": self.en}
        return {**named, "numbers": dict(self.numbers or {}), "examples": list(self.examples)}


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


@dataclass(frozen=True)
class Before:
    """What was published of a dataset when a run began."""

    rows: int = 0
    rules_version: int | None = None
    shape: str | None = None
    greatest_key: str | None = None


def check(connection: Connection, staged: Staged, limit: Limits, before: Before) -> list[Problem]:
    """The run guards of one dataset against what is published now. Needs its `Diff`."""
    name, diff = staged.dataset.name, staged.diff
    problems = [*_key_problems(staged), *_too_many_rejected(staged, limit), *_other_shape(staged, before.shape)]
    if diff.published == 0:
        return problems
    if staged.whole and staged.read == staged.rejected and not limit.may_be_empty:
        return [*problems, _emptied(name, diff.published)]
    if _shrunk(diff, limit):
        problems.append(_shrunk_problem(name, diff, examples.gone(connection, staged)))
    # New rules rewrite every row: that is no change of the data.
    if before.rules_version == RULES_VERSION and _changed(diff, limit):
        problems.append(_changed_problem(name, diff, examples.changed(connection, staged)))
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
    # A few changed rows say nothing about a table: there the share is that of all its rows.
    rows = staged.read if staged.whole else max(staged.read, staged.diff.published)
    if bad > max(FEW_ROWS, rows * (limit.shrink_percent or 5) // 100):
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


def _shrunk(diff: Diff, limit: Limits) -> bool:
    if limit.shrink_percent is None:
        return False
    return diff.gone * 100 > limit.shrink_percent * diff.published and diff.gone >= FEW_ROWS


def _shrunk_problem(name: str, diff: Diff, shown: Sequence[str]) -> Problem:
    now, gone = diff.published, diff.gone
    return Problem(
        "shrunk", name, f"{name}：{now} 行中少了 {gone} 行。", f"{name}: {gone} of {now} rows would vanish.",
        {"published": now, "gone": gone}, shown,
    )  # fmt: skip


def _changed(diff: Diff, limit: Limits) -> bool:
    changed = diff.gone + diff.changed
    if limit.changed_percent is None:
        return False
    return changed * 100 > limit.changed_percent * diff.published and changed > FEW_ROWS


def _changed_problem(name: str, diff: Diff, shown: Sequence[str]) -> Problem:
    now, changed = diff.published, diff.gone + diff.changed
    return Problem(
        "much_changed", name, f"{name}：{now} 行中有 {changed} 行同时变化。",
        f"{name}: {changed} of {now} rows would change at once.", {"published": now, "changed": changed}, shown,
    )  # fmt: skip


def _other_shape(staged: Staged, before: str | None) -> list[Problem]:
    """The columns are there but are others: widened, of another type. A person looks before it is believed."""
    now, name = staged.shape, staged.dataset.name
    if before is None or now is None or before == now:
        return []
    was, is_now = set(before.split("\n")), set(now.split("\n"))
    shown = [f"- {line}" for line in sorted(was - is_now)] + [f"+ {line}" for line in sorted(is_now - was)]
    return [
        Problem(
            "columns_changed", name, f"{name}：中心的字段类型变了。",
            f"{name}: the centre's columns are of other types than before.", {"columns": len(is_now - was)}, shown,
        )
    ]  # fmt: skip


def _prices(connection: Connection, staged: Staged, limit: Limits) -> list[Problem]:
    name, wild = staged.dataset.name, 0
    if staged.dataset.group == "open":
        return []
    shown: list[str] = []
    for price in (c.name for c in staged.dataset.columns if c.type == PRICE):
        up = f"s.{price} >= d.{price} * {limit.price_factor}"
        down = f"s.{price} * {limit.price_factor} <= d.{price}"
        both, leaps = f"{staged.table} s CROSS JOIN mirror.{name} d", f"d.{price} > 0 AND ({up} OR {down})"
        found = _one(connection, f"SELECT count(*) FROM {both} WHERE s.id = d.id AND {leaps}")
        wild += found
        if found:
            shown += examples.changed(connection, staged, leaps)
    if wild <= limit.price_rows:
        return []
    return [
        Problem(
            "wild_prices", name, f"{name}：有 {wild} 个价格变化达 {limit.price_factor} 倍。",
            f"{name}: {wild} prices change by {limit.price_factor} times or to nothing.", {"rows": wild}, shown,
        )
    ]  # fmt: skip
