"""How grave an outage is: by scope (how much of the hospital) and by length (how long). Pure, from what is on record.

Class 1 一类 is the whole hospital, 2 several departments, 3 one. Level IV is where every outage begins; III, II and I
are reached after the minutes that the hospital has set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

WHOLE, SEVERAL, ONE = 1, 2, 3
LEVELS: Final = ("IV", "III", "II", "I")  # as an outage grows
MINUTES: Final = (30, 180, 360)
_CLASSES: Final = {
    WHOLE: ("一类（全院）", "class 1 (whole hospital)"),
    SEVERAL: ("二类（多个科室）", "class 2 (several departments)"),
    ONE: ("三类（单个科室）", "class 3 (one department)"),
}


@dataclass(frozen=True)
class Grade:
    """The grade from `at` on. `scope` is 1 to 3, `level` one of LEVELS."""

    at: datetime
    scope: int
    level: str

    def name(self, language: str) -> str:
        """一类（全院）III 级; class 1 (whole hospital), level III."""
        if language.startswith("en"):
            return f"{_CLASSES[self.scope][1]}, level {self.level}"
        return f"{_CLASSES[self.scope][0]}{self.level} 级"


def scope_class(departments: Sequence[str] | None) -> int:
    """The class of a scope; None is the whole hospital."""
    if departments is None:
        return WHOLE
    return ONE if len(departments) == 1 else SEVERAL


def history(
    opened_at: datetime, until: datetime, scopes: Sequence[tuple[datetime, int]], minutes: Sequence[int] = MINUTES
) -> list[Grade]:
    """Every grade the outage had, oldest first: a new one each time its class or its level changed.

    `scopes` are (since when, class) in their order, the first at the switch; `until` is its end, or now. `minutes` lead
    to III, II and I. The length counts from the switch, whatever the scope was meanwhile.
    """
    moves: list[tuple[datetime, int | None, str | None]] = [(at, scope, None) for at, scope in scopes]
    moves += [(opened_at + timedelta(minutes=after), None, LEVELS[n]) for n, after in enumerate(minutes, start=1)]
    grades: list[Grade] = []
    scope, level = (scopes[0][1] if scopes else WHOLE), LEVELS[0]
    for at, new_scope, new_level in sorted(moves, key=lambda move: move[0]):
        if at > until:
            break
        scope, level = new_scope or scope, new_level or level
        if not grades or (grades[-1].scope, grades[-1].level) != (scope, level):
            grades.append(Grade(at, scope, level))
    return grades or [Grade(opened_at, scope, level)]


def worst(grades: Sequence[Grade]) -> Grade:
    """What the outage is reported as: the widest scope and the longest level it came to."""
    last = max(grades, key=lambda one: (LEVELS.index(one.level), -one.scope))
    return Grade(last.at, min(one.scope for one in grades), last.level)
