"""The agent's heartbeat: this workstation lives, knows this epoch, and reaches the centre or does not."""

from __future__ import annotations

import logging
import random
import secrets
import threading
from collections.abc import Callable
from typing import Any, Final

from clients.sdk import LoggedIn, NoAnswer, Problem, YjClient
from clients.transport import Answer
from fallback_server.domain.clock import SystemClock, to_text

EVERY: Final = (11.0, 14.0)  # three are lost before the standby counts a workstation as gone
RIGHT_AWAY: Final = 0.2  # not all of a hospital in the same millisecond
log = logging.getLogger("yj.agent")


class Heart:
    """Acknowledges each epoch as soon as it is heard of, and says every quarter of a minute that it still lives."""

    def __init__(
        self, client: YjClient, token: str, role: str, version: str,
        *, every: Callable[[], float] = lambda: random.uniform(*EVERY),  # noqa: S311 - jitter
    ) -> None:  # fmt: skip
        self._client, self._role, self._version, self._every = client, role, version, every
        client.person = LoggedIn(token, "", client.workstation, "", ())
        self.answered: Callable[[Answer], None] = lambda _answer: None
        self.reaches: Callable[[], bool | None] = lambda: None  # whether this PC reaches the centre
        # Of this process: a disk that was copied has the same name and token, but two processes that both go on.
        self._instance = secrets.token_hex(8)
        self._epoch: int | None = None
        self._news = threading.Event()
        self._said = ""

    def told(self, mode: dict[str, Any]) -> None:
        """Hear of the mode; a new epoch is acknowledged at once."""
        if mode["epoch"] != self._epoch:
            self._epoch = mode["epoch"]
            self._news.set()

    def wake(self) -> None:
        """Beat now: there is something to say, or a `stop` to see."""
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            news = self._news.wait(self._every())
            self._news.clear()
            if news:
                stop.wait(random.uniform(0, RIGHT_AWAY))  # noqa: S311 - jitter
            if self._epoch is not None and not stop.is_set():
                try:
                    self.beat(self._epoch)
                except Exception as error:  # noqa: BLE001  (edge of the thread: one heartbeat that goes wrong is not the last)
                    log.error("heartbeats go on after %s", type(error).__name__)

    def beat(self, epoch: int) -> Answer | None:
        """One heartbeat. None where it was not taken."""
        body = {
            "workstation": self._client.workstation, "role": self._role, "epoch": epoch, "version": self._version,
            "clock": to_text(SystemClock().now()),
            "central_ok": self.reaches(), "instance": self._instance,
        }  # fmt: skip
        try:
            answer = self._client.post("/workstations/heartbeat", body, keyed=False)
        except Problem as error:
            again = " 请重新接入本机 (yj agent enrol)。 Enrol this workstation again." if error.status == 401 else ""
            self._say(f"{error}{again}")
            return None
        except NoAnswer:
            return None  # the follower says it already
        self._said = ""
        self.answered(answer)
        return answer

    def _say(self, what: str) -> None:
        if what != self._said:
            log.error("heartbeat refused: %s", what)
            self._said = what
