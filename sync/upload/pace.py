"""The pace of the upload: as fast as the centre takes it, slower when the centre slows down: its windows come first."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

LEARNED_FROM: Final = 20  # documents from which the baseline is taken: the quickest half of them
LOOKED_AT: Final = 10  # the latest documents
SLOW_FACTOR: Final = 2.0  # above this the centre counts as slowed
SLOW_SECONDS: Final = 0.05  # and below this never: a quick centre may be twice as slow and still be quick
LONGEST_PAUSE: Final = 5.0


@dataclass
class Pace:
    """The baseline is this centre's own: the median of the quicker half of what it has done in this run.

    While the latest documents take more than twice as long, the upload waits after each of them as much longer as it
    takes, so that the share of time it is at the centre falls with the centre's speed.
    """

    seen: list[float] = field(default_factory=list)
    latest: deque[float] = field(default_factory=lambda: deque(maxlen=LOOKED_AT))
    slowed: int = 0

    def pause(self, seconds: float) -> float:
        """Note how long a document took; how long to wait before the next."""
        self.latest.append(seconds)
        if len(self.seen) < LEARNED_FROM:
            self.seen.append(seconds)
        elif seconds < (slowest := max(self.seen)):
            self.seen.remove(slowest)  # the quickest that were ever seen: a slow beginning is no baseline
            self.seen.append(seconds)
        if len(self.latest) < LOOKED_AT:
            return 0.0
        now = median(self.latest)
        if now <= SLOW_SECONDS or now <= SLOW_FACTOR * (usual := self.baseline):
            return 0.0
        self.slowed += 1
        return min(LONGEST_PAUSE, now - usual)

    @property
    def baseline(self) -> float:
        """Seconds for a document while the centre is well."""
        return median(sorted(self.seen)[: (len(self.seen) + 1) // 2]) if self.seen else 0.0

    def shown(self) -> dict[str, Any]:
        """For the run's row: usual and latest seconds a document, and after how many the upload waited."""
        now = median(self.latest) if self.latest else 0.0
        return {"usual_seconds": round(self.baseline, 4), "latest_seconds": round(now, 4), "slowed": self.slowed}
