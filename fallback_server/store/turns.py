"""Taking turns at a store that has one writer: one after the other, and what cannot wait before everybody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fallback_server.domain.errors import YjError


class Turns:
    """One at a time. Whoever goes `ahead` waits for the one whose turn it is, hardly for those in line.

    Two locks instead of one: those in line wait at its end, and only the next of them at the turn itself. A lock that
    is handed on in strict order would let everybody wait for a thread to wake up at every turn.
    """

    def __init__(self) -> None:
        self._line = threading.Lock()
        self._turn = threading.Lock()

    @contextmanager
    def take(self, seconds: float, *, ahead: bool = False) -> Iterator[None]:
        """Have the turn until the block ends. Raises busy if it is not had within `seconds`."""
        until = time.monotonic() + seconds
        with _held(self._turn, until) if ahead else self._in_line(until):
            yield

    @contextmanager
    def _in_line(self, until: float) -> Iterator[None]:
        with _held(self._line, until), _held(self._turn, until):
            yield


@contextmanager
def _held(lock: threading.Lock, until: float) -> Iterator[None]:
    if not lock.acquire(timeout=max(0.0, until - time.monotonic())):
        raise YjError("busy")
    try:
        yield
    finally:
        lock.release()
