"""CPU seconds of this process and of a PostgreSQL server with all its backends.

On a machine that other work keeps busy a wall clock says as much about that work as about ours; what a run takes from
the processors hardly depends on it. Linux only: it reads /proc.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICK = os.sysconf("SC_CLK_TCK")
_SETTLE_SECONDS = 1.5  # a backend's seconds are its parent's when it has ended, not when its client has


@dataclass
class Cpu:
    """`with Cpu(postmaster) as spent:` then `spent.seconds`."""

    postmaster: int
    seconds: float = 0.0

    def __enter__(self) -> Self:
        time.sleep(_SETTLE_SECONDS)
        self._own, self._servers = time.process_time(), _family(self.postmaster)
        return self

    def __exit__(self, *_: object) -> None:
        own = time.process_time() - self._own
        time.sleep(_SETTLE_SECONDS)
        self.seconds = own + _family(self.postmaster) - self._servers


def _family(postmaster: int) -> float:
    """What a process, its children and those that have ended took so far."""
    ticks = sum(_fields(postmaster)[11:15])
    for each in Path("/proc").glob("[0-9]*"):
        try:
            fields = _fields(int(each.name))
        except OSError:
            continue  # it ended this moment
        if fields[1] == postmaster:
            ticks += fields[11] + fields[12]
    return ticks / _TICK


def _fields(pid: int) -> list[int]:
    """The numbers of /proc/PID/stat behind the name and the state; the first two are state (0) and parent."""
    state, *rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return [ord(state), *map(int, rest)]
