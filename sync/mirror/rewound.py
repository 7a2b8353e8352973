"""Has the centre gone back behind the last generation? Asked before a publish (1-system.md, A rewound centre).

An upload compares too, but an outage without documents has none, and a centre restored at night meets the mirror first:
published in silence, the loss would overwrite the only list of what was lost.
"""

# ruff: noqa: S608  (names of tables and columns come from domain.datasets, never from data)

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, text

from fallback_server.domain.datasets import DATASETS
from sync.central.gateway import CentralError, CentralGateway, Unreachable
from sync.mirror.pull import Staged
from sync.mirror.stage import diff_table
from sync.mirror.validate import Before, Problem

GREATEST: Final = "verify/greatest_key"
# Their keys are handed out by the centre and only grow. A code that people chose says nothing when it is gone.
HANDED_OUT: Final = ("patient", "open_registration", "open_prescription", "open_order")
# Fewer are corrections: a newborn gets a name, and the date that was wrong. They are noted, and stop nothing.
OTHER_PEOPLE: Final = 3
SHOWN: Final = 5

Greatest = Mapping[str, str]
"""Dataset → the greatest key the centre has now; only those it answered for."""


def ask(gateway: CentralGateway, before: Mapping[str, Before]) -> tuple[dict[str, str], Problem | None]:
    """The centre's greatest keys, where there is something to compare them with. A question that it cannot answer is
    noted and stops nothing. Raises Unreachable."""
    if not gateway.has(GREATEST) or not any(_key_of(name, one) for name, one in before.items()):
        return {}, None
    try:
        rows = gateway.ask(GREATEST, {})
    except Unreachable:
        raise
    except CentralError as error:
        return {}, Problem(
            "rewound_not_asked", None, "未能向中心核对最大编号，是否被恢复到旧备份不明。",
            f"The centre's greatest keys could not be asked for: {error.detail}",
        )  # fmt: skip
    return {str(row["dataset"]): str(row["greatest_key"] or "").strip() for row in rows}, None


def behind(before: Mapping[str, Before], greatest: Greatest) -> list[str]:
    """The datasets of which the centre has lost the greatest key; they are read whole, so that the loss shows."""
    return [name for name, one in before.items() if name in greatest and _above(_key_of(name, one), greatest[name])]


def check(
    connection: Connection, staged: Staged, before: Before, greatest: Greatest
) -> tuple[list[Problem], list[Problem]]:
    """(what holds the run, what is only noted) of one dataset. Needs its `Diff`."""
    name = staged.dataset.name
    if name not in HANDED_OUT or not before.rows or staged.loaded is not None:
        return [], []
    others = _other_people(connection, staged) if name == "patient" else None
    found = [problem for problem in (_lower(connection, staged, before, greatest), others) if problem is not None]
    held = [problem for problem in found if problem.kind == "rewound"]
    return held, [problem for problem in found if problem not in held]


def _key_of(name: str, before: Before) -> str:
    return (before.greatest_key or "") if name in HANDED_OUT else ""


def _above(ours: str, theirs: str) -> bool:
    # Unpadded digits: the longer one is the greater.
    return (len(ours), ours) > (len(theirs), theirs)


def _lower(connection: Connection, staged: Staged, before: Before, greatest: Greatest) -> Problem | None:
    name = staged.dataset.name
    ours, theirs = _key_of(name, before), greatest.get(name)
    if theirs is None and name == "patient":
        theirs = _greatest_read(connection, staged, ours)
    if theirs is None or not _above(ours, theirs):
        return None
    key = DATASETS[name].keys[0]
    lost = f"FROM mirror.{name} d WHERE length(d.{key}) > :long OR (length(d.{key}) = :long AND d.{key} > :theirs)"
    binds = {"long": len(theirs), "theirs": theirs}
    count = int(connection.execute(text(f"SELECT count(*) {lost}"), binds).scalar_one())
    shown = _keys(connection, f"SELECT d.{key} {lost} ORDER BY length(d.{key}) DESC, d.{key} DESC LIMIT {SHOWN}", binds)
    return Problem(
        "rewound", name,
        f"{name}：中心最大编号为 {theirs or '无'}，上次镜像已到 {ours}，多出的 {count} 行中心已没有："
        "中心可能恢复到了较早的备份。",
        f"{name}: the centre's greatest key is {theirs or 'none'} where the mirror had {ours}; {count} rows are gone"
        " there: was it restored from an older backup?",
        {"lost": count}, shown,
    )  # fmt: skip


def _greatest_read(connection: Connection, staged: Staged, ours: str) -> str | None:
    """The greatest key after this read, where the greatest published row is gone; None where it is not."""
    name, key = staged.dataset.name, staged.dataset.keys[0]
    gone = f"d.id IN (SELECT x.id FROM {diff_table(name)} x WHERE x.op = 'd')"
    found = connection.execute(text(f"SELECT 1 FROM mirror.{name} d WHERE d.{key} = :ours AND {gone}"), {"ours": ours})
    if found.first() is None:
        return None
    last = "ORDER BY length({0}) DESC, {0} DESC LIMIT 1"
    left = f"SELECT d.{key} FROM mirror.{name} d WHERE NOT ({gone}) {last.format(f'd.{key}')}"
    read = f"SELECT s.{key} FROM {staged.table} s {last.format(f's.{key}')}"
    keys = [str(one) for sql in (left, read) for one in connection.execute(text(sql)).scalars()]
    # Nothing at all has a name of its own.
    return max(keys, key=lambda one: (len(one), one), default=None)


def _other_people(connection: Connection, staged: Staged) -> Problem | None:
    """Keys that now belong to somebody else: a corrected name alone, or a corrected date alone, is the same child."""
    name, key = staged.dataset.name, staged.dataset.keys[0]
    both = (
        f"FROM mirror.{name} d JOIN {staged.table} s ON s.id = d.id"
        f" WHERE d.id IN (SELECT x.id FROM {diff_table(name)} x WHERE x.op = 'u')"
        " AND s.name <> d.name AND s.birth_date <> d.birth_date"
    )
    count = int(connection.execute(text(f"SELECT count(*) {both}")).scalar_one())
    if not count:
        return None
    shown = _keys(connection, f"SELECT d.{key} {both} ORDER BY length(d.{key}) DESC, d.{key} DESC LIMIT {SHOWN}", {})
    noted = Problem(
        "other_people", name,
        f"{name}：有 {count} 个编号换了人（姓名和出生日期都不同）。",
        f"{name}: {count} keys belong to somebody else now (both name and birth date differ).",
        {"rows": count}, [f"{one}: name, birth_date" for one in shown],
    )  # fmt: skip
    return replace(noted, kind="rewound") if count >= OTHER_PEOPLE else noted


def _keys(connection: Connection, sql: str, binds: Mapping[str, Any]) -> list[str]:
    found: Iterable[Any] = connection.execute(text(sql), binds).scalars()
    return [str(one) for one in found]
