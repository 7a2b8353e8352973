"""How long the centre usually takes: counts in a few buckets a day, hour and step, and what is slow against them.

Pure. A bad day is one voice among many: the usual value is the median over the days of each day's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

STEPS: Final = ("tcp", "login", "read", "write")
STEP: Final = 2**0.5  # a bucket ends at this many times its beginning: the figures are good to a fifth
LAST: Final = 33  # from 1 ms to a minute and a half
KEEP_DAYS: Final = 14
LEAST_LOOKS: Final = 60  # before so many nobody knows what is usual
LEAST_A_DAY: Final = 20  # fewer in that hour are no day's voice
WITHOUT_SECONDS: Final = 2.0  # slow where nothing usual is known yet: one small question must not take this long
LEAST_SECONDS: Final = 0.5  # below this no person feels it, however quick the centre usually is
FACTOR: Final = 4  # times the slowest of twenty of a usual hour


@dataclass(frozen=True)
class Usual:
    """Seconds that half, and nineteen of twenty looks of an hour take."""

    middle: float
    slowest: float


def bucket(seconds: float) -> int:
    """The bucket of a duration."""
    return min(LAST, max(0, math.ceil(math.log(max(seconds, 0.0001) / 0.001, STEP))))


def edge(number: int) -> float:
    """Where a bucket ends, in seconds."""
    return round(0.001 * STEP**number, 4)


def share(counts: Mapping[int, int], part: float) -> float:
    """The duration that `part` of the looks did not pass; there must be one look at least."""
    wanted, seen = part * sum(counts.values()), 0
    for number in sorted(counts):
        seen += counts[number]
        if seen >= wanted:
            return edge(number)
    return edge(max(counts))


def usual(days: Sequence[Mapping[int, int]]) -> Usual | None:
    """What is usual in an hour, from the counts of each day; None while too little is known."""
    voices = [counts for counts in days if sum(counts.values()) >= LEAST_A_DAY]
    if sum(sum(counts.values()) for counts in voices) < LEAST_LOOKS:
        return None
    return Usual(median(share(one, 0.5) for one in voices), median(share(one, 0.95) for one in voices))


def limit(known: Usual | None) -> float:
    """From where on a step is slow."""
    return WITHOUT_SECONDS if known is None else max(LEAST_SECONDS, FACTOR * known.slowest)
