"""Who opened whose record, or was refused one: kept until something is written, and then in the audit log with it.

A look changes nothing, and windows look thousands of times an hour: none of them waits for the write lock, and none has
a transaction of its own. Every page says every few seconds that it lives, so a look is in the log within seconds; a
server that is killed meanwhile takes those few with it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final

MOST: Final = 10_000  # where nothing can be written for long (a full disk) memory must not fill up either

Event = Mapping[str, Any]
log = logging.getLogger("yj.looks")


class Looks:
    """What was looked at and is not in the log yet. The same person at the same record again is the same look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[Any, ...], Event] = {}
        self._refused: set[tuple[Any, ...]] = set()
        self._hour = ""
        self._full = False

    def __len__(self) -> int:
        return len(self._waiting)

    def saw(self, events: Iterable[Event]) -> None:
        """Keep these until they are taken."""
        with self._lock:
            for event in events:
                self._keep(event)

    def refused(self, event: Event) -> None:
        """Keep this refusal to read, once an hour: a page that was left open asks again every few seconds, for days."""
        with self._lock:
            hour = str(event["at"])[:13]
            if hour != self._hour:
                self._hour, self._refused = hour, set()
            if _key(event) not in self._refused:
                self._refused.add(_key(event))
                self._keep(event)

    def _keep(self, event: Event) -> None:
        if len(self._waiting) < MOST:
            self._waiting.setdefault(_key(event), event)
        elif not self._full:
            self._full = True
            log.error("%s looks wait and nothing can be written: further ones will not be in the audit log", MOST)

    def take(self) -> list[Event]:
        """All of them, oldest first; `saw` them again if they could not be written."""
        if not self._waiting:
            return []
        with self._lock:
            taken, self._waiting = list(self._waiting.values()), {}
            self._full = False
        return taken


def _key(event: Event) -> tuple[Any, ...]:
    return tuple(event[name] for name in ("operator_code", "workstation", "action", "subject"))
