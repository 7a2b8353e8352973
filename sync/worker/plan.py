"""When the mirror runs again: pure decisions over what the last runs did and what the clock says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import Final

FIRST_RETRY_SECONDS: Final = 60.0
SWEEP_EVERY_SECONDS: Final = 20 * 3600  # a little less than a day: the allowed hours do not begin at the same second


class Plan:
    """What each group of datasets waits for. `intervals`: seconds between two runs in ordinary times."""

    def __init__(self, intervals: Mapping[str, float]) -> None:
        self.intervals = dict(intervals)
        self.failures = dict.fromkeys(intervals, 0)
        self.frozen: set[str] = set()

    def after(self, group: str, state: str) -> float | None:
        """Seconds until the group is tried again after a run that ended so; None: at its usual time."""
        self.frozen.discard(group)
        if state == "frozen":
            self.frozen.add(group)
        if state != "failed":
            self.failures[group] = 0
            return None
        self.failures[group] += 1
        pause = FIRST_RETRY_SECONDS * 2 ** (self.failures[group] - 1)
        return pause if pause < self.intervals[group] else None

    def failing(self) -> list[str]:
        """Groups whose last run failed: worth a try as soon as the centre is back."""
        return [group for group, count in self.failures.items() if count]


def within(spans: Iterable[str], now: time) -> bool:
    """Whether a time of day lies in one of the spans `HH:MM-HH:MM`, which may pass midnight."""
    return any(_within(span, now) for span in spans)


def _within(span: str, now: time) -> bool:
    begin, end = (time.fromisoformat(part) for part in span.split("-"))
    if begin <= end:
        return begin <= now < end
    return now >= begin or now < end


def due_sweeps(
    offered: Sequence[str], swept: Mapping[str, datetime], now: datetime, every: float = SWEEP_EVERY_SECONDS
) -> list[str]:
    """The datasets whose last whole comparison is longest ago, those never compared first."""
    due = [name for name in offered if name not in swept or (now - swept[name]).total_seconds() >= every]
    return sorted(due, key=lambda name: (name in swept, swept.get(name, now), offered.index(name)))
