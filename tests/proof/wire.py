"""A wire between the standby and a real PostgreSQL that breaks as wires do, at the n-th message or by a seeded chance.

It reads the protocol as far as needed: a message is one statement on its way to the server, COMMIT among them. So a
test can say "the reply of this COMMIT never arrives" and mean it.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.engine import make_url

STARTUP = 196608  # protocol 3.0; the other first packets only ask whether the server encrypts
READY = b"Z\x00\x00\x00\x05"
ANSWER_SECONDS = 20.0


class Fault(StrEnum):
    """What happens to one message."""

    DROP_BEFORE = "drop before send"
    DROP_AFTER = "drop after the work, before the reply"
    RESET_BEFORE = "reset before send"
    RESET_AFTER = "reset after the work, before the reply"
    HALF_OPEN = "half-open: our side breaks, the server keeps the transaction for a while"
    LATE = "half-open: our side breaks, the message still arrives later"
    DELAY = "delay"


FAULTS = tuple(Fault)
_RESETS = (Fault.RESET_BEFORE, Fault.RESET_AFTER)
_AFTER = (Fault.DROP_AFTER, Fault.RESET_AFTER)


@dataclass(frozen=True)
class Struck:
    """A fault that was carried out."""

    number: int
    fault: Fault
    statement: str


Plan = Callable[[int, str], Fault | None]


def whole(number: int, statement: str) -> Fault | None:
    """Nothing breaks."""


def at(wanted: int, fault: Fault) -> Plan:
    """One fault at one message."""
    return lambda number, _: fault if number == wanted else None


def storm(seed: int, chance: float) -> Plan:
    """Any fault at any message, with this chance for each."""
    lot = random.Random(seed)
    return lambda _number, _statement: lot.choice(FAULTS) if lot.random() < chance else None


@dataclass
class _Line:
    """One connection: ours to the wire, the wire's to the server."""

    client: socket.socket
    server: socket.socket
    swallow: bool = False
    answered: threading.Event = field(default_factory=threading.Event)

    def close(self, *, reset: bool = False) -> None:
        if reset:
            with contextlib.suppress(OSError):
                self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        _close(self.client, quietly=not reset)
        _close(self.server)


class Wire:
    """Forwards TCP on 127.0.0.1 to `port`. `plan` is asked about every statement; `hold` is what a delay lasts."""

    def __init__(self, port: int, *, hold: float = 0.2) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.hold = hold
        self.plan: Plan = whole
        self.messages = 0
        self.struck: list[Struck] = []
        self.down = False
        self._lock = threading.Lock()
        self._lines: list[_Line] = []
        self._late: list[threading.Thread] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def address(self, url: str) -> str:
        """The same database through this wire."""
        return make_url(url).set(port=self.port).render_as_string(hide_password=False)

    def again(self, plan: Plan) -> None:
        """Count from one again, with another plan."""
        with self._lock:
            self.plan, self.messages = plan, 0

    def settle(self) -> None:
        """Wait until what was still on its way has arrived: afterwards the server can be looked at."""
        for thread in self._late:
            thread.join(ANSWER_SECONDS)
        self._late.clear()

    def cut(self) -> None:
        """Refuse new connections and break those there are, until `down` is false again."""
        self.down = True
        for line in list(self._lines):
            line.close()
        self._lines.clear()

    def close(self) -> None:
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.settle()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.down:
                client.close()
                continue
            try:
                line = _Line(client, socket.create_connection(("127.0.0.1", self._target)))
            except OSError:
                client.close()
                continue
            for side in (line.client, line.server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._lines.append(line)
            threading.Thread(target=self._outward, args=(line,), daemon=True).start()
            threading.Thread(target=self._inward, args=(line,), daemon=True).start()

    def _inward(self, line: _Line) -> None:
        """Answers, as they come; those of a message whose reply is to be lost go nowhere."""
        tail = b""
        with contextlib.suppress(OSError):
            while data := line.server.recv(65536):
                tail = (tail + data)[-16:]
                if not line.swallow:
                    line.client.sendall(data)
                elif READY in tail:
                    line.answered.set()
        line.answered.set()
        _close(line.client)

    def _outward(self, line: _Line) -> None:
        """Statements, one whole message at a time."""
        with contextlib.suppress(OSError, EOFError):
            if self._greet(line):
                while self._pass(line, *_message(line.client)):
                    pass
                return
        line.close()

    def _greet(self, line: _Line) -> bool:
        while True:
            size = _exactly(line.client, 4)
            body = _exactly(line.client, struct.unpack("!i", size)[0] - 4)
            line.server.sendall(size + body)
            if struct.unpack("!i", body[:4])[0] >> 16 == STARTUP >> 16:
                return True

    def _pass(self, line: _Line, kind: bytes, data: bytes) -> bool:
        if kind != b"Q":
            line.server.sendall(data)
            return True
        statement = " ".join(data[5:60].decode("utf-8", "replace").strip("\0").split()[:3])
        with self._lock:
            self.messages += 1
            fault = self.plan(self.messages, statement)
            if fault is not None:
                self.struck.append(Struck(self.messages, fault, statement))
        return self._carry(line, data, fault)

    def _carry(self, line: _Line, data: bytes, fault: Fault | None) -> bool:
        if fault is Fault.DELAY:
            time.sleep(self.hold)
        if fault in (None, Fault.DELAY):
            line.server.sendall(data)
            return True
        if fault in _AFTER:
            line.swallow = True
            line.answered.clear()
            line.server.sendall(data)
            line.answered.wait(ANSWER_SECONDS)  # the server has answered: it is done
        if fault in (Fault.HALF_OPEN, Fault.LATE):
            self._leave_behind(line, data if fault is Fault.LATE else b"")
            return False
        line.close(reset=fault in _RESETS)
        return False

    def _leave_behind(self, line: _Line, data: bytes) -> None:
        """Our side is gone; the server notices later, perhaps after the message arrived after all."""
        line.swallow = True
        line.answered.clear()

        def later() -> None:
            time.sleep(self.hold)
            with contextlib.suppress(OSError):
                if data:
                    line.server.sendall(data)
                    line.answered.wait(ANSWER_SECONDS)
            _close(line.server)

        thread = threading.Thread(target=later, daemon=True)
        self._late.append(thread)
        thread.start()
        _close(line.client)


def _message(sock: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(sock, 5)
    return head[:1], head + _exactly(sock, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _close(sock: socket.socket, *, quietly: bool = True) -> None:
    """`quietly` says good-bye; otherwise the peer gets whatever the socket's linger says."""
    if quietly:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    sock.close()
