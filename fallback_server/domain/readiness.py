"""Findings about whether the standby would work now, in words, and the one score they add up to.

A finding says what was seen, how old that is, from where on it would be too much, and what to do about it. The list is
made in `store.readiness`; every place that shows it shows the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fallback_server.domain.datasets import DATASET_NAMES
from fallback_server.domain.readiness_words import CHECKS, WORDS
from fallback_server.domain.two_persons import ACTS

CAP: Final = 49  # no score of a standby that would not work says more than "less than half"
SHARES: Final[dict[bool | None, float]] = {True: 1.0, None: 0.5, False: 0.0}


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `ok` None: a warning that does not keep the standby from working.

    `code` names the sentence, `values` are what it speaks of; `subject` tells several findings of a check apart.
    `age_seconds` is how old that is what the finding rests on, `limit` from where on it would not be in order.
    """

    check: str
    ok: bool | None
    code: str
    values: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""
    age_seconds: int | None = None
    limit: str = ""

    @property
    def state(self) -> str:
        """ok | warn | fail."""
        return {True: "ok", None: "warn", False: "fail"}[self.ok]

    def name(self, language: str) -> str:
        """What was looked at."""
        return CHECKS[self.check].name(language)

    def sentence(self, language: str) -> str:
        """What was found."""
        words = WORDS[self.code]
        return (words.en if language == "en" else words.zh).format(**_spoken(self.values, language))

    def cure(self, language: str) -> str:
        """What to do; empty where all is in order."""
        words = WORDS[self.code]
        if self.ok:
            return ""
        return (words.cure_en if language == "en" else words.cure_zh).format(**_spoken(self.values, language))

    def view(self, language: str) -> dict[str, Any]:
        """As programs see it, with the sentences of a language."""
        return {
            "check": self.check, "name": self.name(language), "state": self.state, "ok": self.ok, "code": self.code,
            "subject": self.subject, "detail": self.sentence(language), "age_seconds": self.age_seconds,
            "limit": self.limit, "cure": self.cure(language),
        }  # fmt: skip


MachineLook = Callable[[datetime], Iterable[Finding]]


@dataclass(frozen=True)
class Standards:
    """From where on the standby is not in order, and what only a composition root can show of its machine."""

    home: Path | None = None
    version: str = "0"
    schema: str = ""
    """The revision that this code needs."""
    networks: tuple[str, ...] = ()
    """Who may read why, beside this machine."""
    disk_free_percent: int = 20
    clock_warn_seconds: int = 30
    clock_fail_seconds: int = 300
    backup_emergency_minutes: int = 15
    backup_rehearsal_days: int = 31
    backup_second_place: bool = False
    drill_days: int = 92
    self_test: bool = False
    """Whether the weekly self-test is wanted."""
    machine: tuple[MachineLook, ...] = ()
    """Looks at what no table says: the certificate, the disks, whether they are encrypted."""


def worst(findings: Iterable[Finding]) -> dict[str, bool | None]:
    """Check → its worst finding, in the order of the table of checks."""
    seen: dict[str, bool | None] = {}
    for one in findings:
        seen[one.check] = min(one.ok, seen.get(one.check, True), key=lambda ok: SHARES[ok])
    return {name: seen[name] for name in CHECKS if name in seen}


def score(findings: Iterable[Finding]) -> int:
    """0 to 100: of the weights of the checks that were looked at, the share in order; a warning counts half.

    One finding that keeps the standby from working holds the score at CAP or below; nothing looked at is 0.
    """
    found = worst(findings)
    whole = sum(CHECKS[name].weight for name in found)
    if not whole:
        return 0
    share = sum(CHECKS[name].weight * SHARES[ok] for name, ok in found.items())
    points = int(100 * share / whole)
    return min(points, CAP) if False in found.values() else points


def ready(findings: Iterable[Finding]) -> bool:
    """Whether nothing keeps the standby from working."""
    return all(one.ok is not False for one in findings)


def _spoken(values: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The values as a sentence names them: datasets and acts by their names, times to the minute, lists by commas."""
    english = language == "en"
    spoken: dict[str, Any] = {}
    for name, value in values.items():
        if name in ("dataset", "datasets"):
            names = [DATASET_NAMES[one][english] for one in ([value] if isinstance(value, str) else value)]
            spoken[name] = (", " if english else "、").join(names)
        elif name == "act" and value in ACTS:
            spoken[name] = ACTS[value].name(language)
        elif name in ("at", "as_of", "due") and isinstance(value, str):
            spoken[name] = value[:16].replace("T", " ")
        else:
            spoken[name] = (", " if english else "、").join(map(str, value)) if isinstance(value, list) else value
    return spoken
