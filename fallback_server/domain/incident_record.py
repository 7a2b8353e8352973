"""What people key in beside an outage, and by when: notes, who was told what, timers, measures. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from fallback_server.domain.clock import from_text, to_text

NOTE, TOLD, HEARD = "note", "told", "heard"
NOTE_KINDS: Final[dict[str, tuple[str, str]]] = {
    NOTE: ("记事", "note"), TOLD: ("已告知", "told"), HEARD: ("获知", "heard from"),
}  # fmt: skip
MEANS: Final[dict[str, tuple[str, str]]] = {
    "phone": ("电话", "telephone"), "in_person": ("当面", "in person"), "message": ("微信、短信", "message"),
    "radio": ("广播、对讲", "loudspeaker, radio"), "written": ("书面、邮件", "in writing"), "other": ("其他", "other"),
}  # fmt: skip
TELL: Final = (
    "10 总值班 / duty director", "30 分管院领导 / hospital leader", "60 卫生健康主管部门 / health authority"
)  # fmt: skip
AHEAD_SECONDS: Final = 60  # what was keyed in may not lie further ahead than two clocks differ
_TIMER: Final = re.compile(r"(?P<minutes>[0-9]{1,5})\s+(?P<zh>[^/]+?)(?:\s*/\s*(?P<en>.+?))?\s*")


@dataclass(frozen=True)
class Timer:
    """Who is to be told how many minutes after the switch. Its Chinese name is what a note ticks it off by."""

    minutes: int
    zh: str
    en: str

    def name(self, language: str) -> str:
        """Whom, in a language."""
        return self.en if language.startswith("en") else self.zh


def timer(text: str) -> Timer:
    """`10 总值班 / duty director`; without an English name the Chinese one stands for both. Raises ValueError."""
    found = _TIMER.fullmatch(text.strip())
    if found is None:
        raise ValueError("write MINUTES WHO, or MINUTES WHO / ENGLISH")
    return Timer(int(found["minutes"]), found["zh"].strip(), (found["en"] or found["zh"]).strip())


def timers(texts: Iterable[str] = TELL) -> tuple[Timer, ...]:
    """All of a hospital's, the first due first."""
    return tuple(sorted(map(timer, texts), key=lambda one: one.minutes))


@dataclass(frozen=True)
class Due:
    """One timer of one outage. `state`: told, late (due and not told), next (will be due), spared (it ended before)."""

    timer: Timer
    at: datetime
    state: str
    told: Mapping[str, Any] | None = None


def due(
    wanted: Sequence[Timer], opened_at: datetime, ended_at: datetime | None, now: datetime,
    told: Iterable[Mapping[str, Any]],
) -> list[Due]:  # fmt: skip
    """How the timers of an outage stand. `told` are its notes, oldest first; the first that names a timer ticks it."""
    ticked: dict[str, Mapping[str, Any]] = {}
    for note in told:
        if note["timer"]:
            ticked.setdefault(note["timer"], note)
    return [_due(one, opened_at + timedelta(minutes=one.minutes), ended_at, now, ticked.get(one.zh)) for one in wanted]


def _due(one: Timer, at: datetime, ended_at: datetime | None, now: datetime, told: Mapping[str, Any] | None) -> Due:
    if told is not None:
        return Due(one, at, "told", told)
    if ended_at is not None and ended_at < at:
        return Due(one, at, "spared")
    return Due(one, at, "late" if at <= now else "next")


def report_due(closed_at: str, days: int) -> str:
    """By when the report of an incident should be final."""
    return to_text(from_text(closed_at) + timedelta(days=days))
