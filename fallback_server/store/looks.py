"""Who opened whose record: kept until something is written anyway, and then in the audit log with it.

A look changes nothing, and windows look thousands of times an hour: none of them waits for the write lock, and none has
a transaction of its own. Every page says every few seconds that it lives, so a look is in the log within seconds; a
server that is killed meanwhile takes those few with it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final

MOST: Final = 10_000  # where nothing can be written for long (a full disk) memory must not fill up either

Event = Mapping[str, Any]


class Looks:
    """What was looked at and is not in the log yet. The same person at the same record again is the same look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[Any, ...], Event] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def saw(self, events: Iterable[Event]) -> None:
        """Keep these until they are taken."""
        with self._lock:
            for event in events:
                key = tuple(event[name] for name in ("operator_code", "workstation", "action", "subject"))
                if len(self._waiting) < MOST:
                    self._waiting.setdefault(key, event)

    def take(self) -> list[Event]:
        """All of them, oldest first; `saw` them again if they could not be written."""
        if not self._waiting:
            return []
        with self._lock:
            taken, self._waiting = list(self._waiting.values()), {}
        return taken
