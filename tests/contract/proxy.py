"""A wire between the standby and a real database that can be cut at the moment a test chooses."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from enum import Enum, auto


class Cut(Enum):
    """What the wire does when it sees a COMMIT on its way to the server."""

    NEVER = auto()
    BEFORE_COMMIT = auto()
    AFTER_COMMIT = auto()


class Proxy:
    """Forwards TCP on 127.0.0.1 to `port`; `cut` applies once, then the wire is whole again."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut = Cut.NEVER
        self.down = False
        self._open = True
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def go_down(self) -> None:
        """Refuse new connections and break those there are."""
        self.down = True
        for pair in self._pairs:
            _break(pair)

    def close(self) -> None:
        self._open = False
        self.go_down()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while self._open:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.down:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            pair = (client, server)
            for side in pair:  # small packets must not wait for one another
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs.append(pair)
            threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as selector, contextlib.suppress(OSError, ValueError, KeyError):
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not data or not self._pass(data, key.fileobj is client, client, server):
                        _break((client, server))
                        return
        client.close()
        server.close()

    def _pass(self, data: bytes, from_client: bool, client: socket.socket, server: socket.socket) -> bool:
        committing = from_client and b"COMMIT" in data and self.cut is not Cut.NEVER
        if not committing:
            (server if from_client else client).sendall(data)
            return True
        cut, self.cut = self.cut, Cut.NEVER
        if cut is Cut.AFTER_COMMIT:
            server.sendall(data)
            server.recv(65536)  # the server has answered: it is committed
        return False


def _break(pair: tuple[socket.socket, socket.socket]) -> None:
    for side in pair:
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
        side.close()
