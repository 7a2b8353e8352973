"""Whether this PC reaches the centre: it knocks at its port, and runs a program that logs in where IT named one.

Where to knock the standby says in its answers to heartbeats; what stands in `agent.toml` counts before that. In a
thread of its own, because a wire that is cut keeps one waiting, and heartbeats must not wait.
"""

from __future__ import annotations

import logging
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

EVERY: Final = (8.0, 11.0)
KNOCK_SECONDS: Final = 3.0
AGAIN_SECONDS: Final = 1.0  # one packet that is lost is no cut wire
LOGIN_SECONDS: Final = 10.0
OLD_SECONDS: Final = 60.0
Place = tuple[str, int]
log = logging.getLogger("yj.agent")


@dataclass(frozen=True)
class Probing:
    """[centre] of agent.toml: where to knock instead of where the standby says, and a program that logs in there."""

    place: Place | None = None
    login: tuple[str, ...] = ()


def knocks(place: Place, seconds: float = KNOCK_SECONDS) -> bool:
    """Whether something answers at the port."""
    try:
        with socket.create_connection(place, timeout=seconds):
            return True
    except OSError:
        return False


def logs_in(command: Sequence[str], seconds: float = LOGIN_SECONDS) -> bool:
    """Whether the program ends well, in time; what it says is thrown away."""
    nothing = subprocess.DEVNULL
    hidden: dict[str, Any] = {}
    if sys.platform == "win32":
        hidden = {"creationflags": subprocess.CREATE_NO_WINDOW}
    try:
        return not subprocess.run(  # noqa: S603 - what IT wrote into the agent's own file
            list(command), stdin=nothing, stdout=nothing, stderr=nothing, timeout=seconds, check=False, **hidden
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


class Prober:
    """Looks every ten seconds or so; `changed` is called when the answer is another one than before."""

    def __init__(
        self, chosen: Probing, changed: Callable[[], None] = lambda: None,
        *, every: Callable[[], float] = lambda: random.uniform(*EVERY),  # noqa: S311 - jitter
    ) -> None:  # fmt: skip
        self._chosen, self.changed, self._every = chosen, changed, every
        self._place = chosen.place
        self._seen: tuple[float, bool] | None = None
        self._news = threading.Event()

    @property
    def reaches(self) -> bool | None:
        """What was seen last; None where there is nothing to try, or nobody has tried lately."""
        seen = self._seen
        return seen[1] if seen is not None and time.monotonic() - seen[0] <= OLD_SECONDS else None

    def told(self, answer: Any) -> None:
        """Hear from the standby where to knock, or that there is nowhere."""
        centre = answer.get("centre")
        if self._chosen.place is not None or (centre is not None and not isinstance(centre, dict)):
            return
        place = (str(centre["host"]), int(centre["port"])) if centre else None
        if place != self._place:
            self._place = place
            self._news.set()

    def wake(self) -> None:
        """Let `run` see its `stop`."""
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            try:
                self.look(stop)
            except Exception as error:  # noqa: BLE001  (edge of the thread: one look that goes wrong is not the last)
                log.error("looking at the centre goes on after %s", type(error).__name__)
            self._news.wait(self._every())
            self._news.clear()

    def look(self, stop: threading.Event | None = None) -> None:
        """Try once, and once more before it counts as no."""
        place, before = self._place, self.reaches
        if place is None and not self._chosen.login:
            self._seen = None
            return
        found = self._try(place)
        if not found and not (stop or threading.Event()).wait(AGAIN_SECONDS):
            found = self._try(place)
        self._seen = (time.monotonic(), found)
        if before is not found:
            self.changed()

    def _try(self, place: Place | None) -> bool:
        if place is not None and not knocks(place):
            return False
        return not self._chosen.login or logs_in(self._chosen.login)
