"""Windows that listen to the mode, as many as asked for, in a process of their own; each has a TLS connection.

Reads `{address, ca, count, tokens}` as a line of JSON, says `ready` when everyone has the mode, and at the end of its
input writes `{epoch: [moment, …]}`: when each of them heard of each epoch, on the machine's monotonic clock. With
`tokens` (one each) they are agents: they acknowledge what they hear by a heartbeat, beat on as agents do, and the
moments are those at which the standby had answered.

In a hospital these are computers of their own; here they take their processor time from the standby. Hence no library
for HTTP: what is read and written is a few bytes, and a loop over ready sockets is the least that this can cost.
"""

from __future__ import annotations

import heapq
import json
import random
import re
import selectors
import socket
import ssl
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from clients.agent.heart import EVERY, RIGHT_AWAY
from fallback_server.domain.clock import SystemClock, to_text

EPOCH = re.compile(rb'"epoch":\s*(\d+)\D')
LENGTH = re.compile(rb"(?i)content-length: (\d+)")
CLOCK = SystemClock()


class Line:
    """One connection by TLS; `said` gets what came."""

    def __init__(self, crowd: Crowd, said: Callable[[bytes], None]) -> None:
        taken = socket.create_connection(crowd.where, timeout=60)
        self._tls = crowd.trust.wrap_socket(taken, server_hostname=crowd.where[0])
        self._tls.setblocking(False)
        self._said = said
        crowd.selector.register(self._tls, selectors.EVENT_READ, self)

    def send(self, text: str) -> None:
        """A request; it fits into the socket's buffer."""
        self._tls.sendall(text.encode())

    def read(self) -> None:
        """Take in what has come."""
        while True:
            try:
                data = self._tls.recv(16_384)
            except ssl.SSLWantReadError:
                return
            if not data:
                raise RuntimeError("the door closed a connection")
            self._said(data)


class Window:
    """One window PC: it listens and, with a token, is an agent."""

    def __init__(self, crowd: Crowd, number: int, token: str | None) -> None:
        self._crowd, self._token, self._name = crowd, token, station(number)
        self._known: int | None = None
        self._beating: int | None = None  # the epoch of a heartbeat that is on its way
        self._next = 0
        self._answer = b""
        self._tail = b""
        self.ready = False
        self._heart = Line(crowd, self._answered) if token else None
        Line(crowd, self._told).send(f"GET /api/v1/mode/events HTTP/1.1\r\nHost: {crowd.host}\r\n\r\n")

    def _told(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-4096:]
        epoch = int(found[-1]) if (found := EPOCH.findall(self._tail)) else self._known
        if epoch == self._known or epoch is None:
            return
        if self._heart is not None:
            self._beat_after(random.uniform(0, RIGHT_AWAY))
        elif self._known is None:
            self.ready = True
        else:
            self._crowd.heard[epoch].append(time.monotonic())
        self._known = epoch

    def _beat_after(self, seconds: float) -> None:
        self._next += 1  # what was meant to be the next beat is not any more
        self._crowd.later(seconds, partial(self._beat, self._next))

    def _beat(self, number: int) -> None:
        """Say that this agent lives and which epoch it knows; one thing at a time."""
        if number != self._next or self._beating is not None or self._known is None or self._heart is None:
            return
        self._beating = self._known
        body = json.dumps({
            "workstation": self._name, "role": "cashier", "epoch": self._known, "version": "0.1",
            "clock": to_text(CLOCK.now()), "central_ok": None,
        })  # fmt: skip
        self._heart.send(
            f"POST /api/v1/workstations/heartbeat HTTP/1.1\r\nHost: {self._crowd.host}\r\n"
            f"Content-Type: application/json\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _answered(self, data: bytes) -> None:
        self._answer += data
        head, _, body = self._answer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if length is None or len(body) < int(length[1]):
            return
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(self._answer.decode())
        epoch, self._beating, self._answer = self._beating, None, b""
        if epoch is not None:
            self._crowd.acknowledged[epoch].setdefault(self._name, time.monotonic())
        self.ready = True  # it has its connection, as every agent has in quiet times
        self._beat_after(random.uniform(*EVERY) if epoch == self._known else 0.0)


class Crowd:
    """All of them, and the loop they share."""

    def __init__(self, plan: dict[str, Any]) -> None:
        address = urlsplit(plan["address"])
        self.where, self.host = (address.hostname or "", address.port or 443), address.netloc
        self.trust = ssl.create_default_context(cafile=plan["ca"])
        self.selector = selectors.DefaultSelector()
        self.heard: defaultdict[int, list[float]] = defaultdict(list)
        self.acknowledged: defaultdict[int, dict[str, float]] = defaultdict(dict)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Do it after so many seconds."""
        self._number += 1
        heapq.heappush(self._due, (time.monotonic() + seconds, self._number, what))

    def turn(self, longest: float) -> bool:
        """Once around: what has come, what is due. False when our own input has ended."""
        wait = min(longest, max(0.0, self._due[0][0] - time.monotonic())) if self._due else longest
        for key, _ in self.selector.select(wait):
            if key.data is None:
                return False
            key.data.read()
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()
        return True


def station(number: int) -> str:
    """The name of agent `number`."""
    return f"A{number:03d}"


def main() -> None:
    """All windows."""
    plan: dict[str, Any] = json.loads(sys.stdin.readline())
    crowd = Crowd(plan)
    tokens = plan["tokens"] or [None] * plan["count"]
    windows = []
    for number in range(plan["count"]):
        # The start of a day, not 500 handshakes in one moment: those are not asked about.
        windows.append(Window(crowd, number, tokens[number]))
        crowd.turn(0.005)
    while not all(window.ready for window in windows):
        crowd.turn(0.1)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    crowd.selector.register(sys.stdin, selectors.EVENT_READ, None)
    while crowd.turn(1.0):
        pass
    answered = {epoch: list(moments.values()) for epoch, moments in crowd.acknowledged.items()}
    sys.stdout.write(json.dumps(answered if plan["tokens"] else crowd.heard))


if __name__ == "__main__":
    main()
