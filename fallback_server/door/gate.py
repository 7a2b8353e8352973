"""One port for both: a connection that begins as TLS is TLS, any other is plain HTTP.

A TLS client speaks first, and its first byte is 22 (a handshake record); no HTTP method begins with that. The byte is
only looked at and stays in the socket for whoever takes it over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from asyncio import sslproto
from collections import Counter
from pathlib import Path
from typing import Final
from weakref import WeakSet

from aiohttp import web

TLS_HANDSHAKE: Final = 0x16
# The loop keeps a reading buffer for every TLS connection, 256 KiB unless told otherwise: 130 MB for 500 windows that
# send next to nothing. One TLS record is enough.
TLS_BUFFER: Final = 16 * 1024
FIRST_BYTE_SECONDS: Final = 20.0  # browsers open a connection ahead of need; a silent one is closed
FIRST_REQUEST_SECONDS: Final = 20.0
HANDSHAKE_SECONDS: Final = 15.0
GOODBYE_SECONDS: Final = 5.0  # a window that was switched off does not answer the end of TLS
BACKLOG: Final = 1024
MOST: Final = 4000
# Behind a terminal server or a router stand many windows, each with a stream and a few connections more; yet one
# address alone does not take the whole door.
MOST_OF_ONE: Final = 1000
PEEK_AGAIN: Final = 0.02
FULL_PAUSE: Final = 0.2
SWEEP_EVERY: Final = 1.0

log = logging.getLogger("yj.door")


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What the door shows. Raises OSError (ssl.SSLError is one) where the files cannot be used."""
    sslproto.SSLProtocol.max_size = TLS_BUFFER
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key)
    return context


def listen(host: str, port: int) -> socket.socket:
    """The door's port. Raises OSError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = family == socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    listener.setblocking(False)
    return listener


class Gate:
    """Takes connections at `listener` and gives them to `server`. `context` may be replaced while it runs.

    `proxies` speak for many windows: the number of their connections is not limited.
    """

    def __init__(
        self, listener: socket.socket, server: web.Server, context: ssl.SSLContext | None, proxies: frozenset[str]
    ) -> None:
        self._listener = listener
        self._proxies = proxies
        self._server = server
        self.context = context
        self._arriving: set[asyncio.Task[None]] = set()
        # With its socket, address, and until when it has to have asked for something.
        self._inside: dict[asyncio.Transport, tuple[socket.socket, str, float]] = {}
        self._asked: WeakSet[asyncio.BaseTransport] = WeakSet()
        self._from: Counter[str] = Counter()

    def asked(self, request: web.BaseRequest) -> None:
        """A request came in whole at this connection: it is no slow-loris."""
        if request.transport is not None:
            self._asked.add(request.transport)

    async def run(self) -> None:
        """Take connections until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                taken, peer = await loop.sock_accept(self._listener)
            except OSError as error:  # no file descriptor left, or the caller went: others go on
                log.warning("a connection could not be taken: %s", error)
                await asyncio.sleep(FULL_PAUSE)
                continue
            address = str(peer[0]) if peer else ""
            if self._full(address):
                self.sweep()
            if self._full(address):
                taken.close()
                continue
            self._from[address] += 1
            task = asyncio.create_task(self._admit(taken, address))
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    async def keep_clear(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            self.sweep()

    def sweep(self) -> None:
        """Forget connections that have ended, end those that never asked for anything."""
        now = asyncio.get_running_loop().time()
        for transport, (taken, address, until) in list(self._inside.items()):
            if taken.fileno() < 0:
                del self._inside[transport]
                self._gone(address)
            elif now > until and transport not in self._asked:
                transport.abort()

    async def close(self) -> None:
        """Cut what is still connected; call it when no answer is on its way any more."""
        for task in self._arriving:
            task.cancel()
        await asyncio.gather(*self._arriving, return_exceptions=True)
        for taken, _, _ in self._inside.values():
            with contextlib.suppress(OSError):  # closed already
                taken.shutdown(socket.SHUT_RDWR)
        await asyncio.sleep(0.05)  # the loop sees the ends and closes the sockets in its next rounds

    def _full(self, address: str) -> bool:
        free = is_near(address) or address in self._proxies
        return self._from.total() >= MOST or (self._from[address] >= MOST_OF_ONE and not free)

    def _gone(self, address: str) -> None:
        self._from[address] -= 1
        if self._from[address] <= 0:
            del self._from[address]

    async def _admit(self, taken: socket.socket, address: str) -> None:
        transport: asyncio.Transport | None = None
        try:
            transport = await self._handed_over(taken)
        except (OSError, TimeoutError) as error:  # ssl.SSLError among them: a browser that does not trust us yet
            log.info("a connection from %s came to nothing: %s", address, type(error).__name__)
        finally:
            if transport is None:
                taken.close()
                self._gone(address)
            else:
                until = asyncio.get_running_loop().time() + FIRST_REQUEST_SECONDS
                self._inside[transport] = taken, address, until

    async def _handed_over(self, taken: socket.socket) -> asyncio.Transport | None:
        taken.setblocking(False)
        tls: ssl.SSLContext | None = None
        if self.context is not None:
            async with asyncio.timeout(FIRST_BYTE_SECONDS):
                first = await _peek(taken)
            if not first:
                return None
            tls = self.context if first[0] == TLS_HANDSHAKE else None
        transport, _protocol = await asyncio.get_running_loop().connect_accepted_socket(
            self._server,
            taken,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None,
            ssl_shutdown_timeout=GOODBYE_SECONDS if tls else None,
        )
        return transport if isinstance(transport, asyncio.Transport) else None


def is_near(address: str) -> bool:
    """Whether an address is this machine's own talk to itself."""
    return address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1")


async def _peek(taken: socket.socket) -> bytes:
    """The first byte, left where it is; empty if the other side went. Cancelled by whoever waits too long."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return taken.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            pass
        try:
            await _readable(loop, taken)
        except NotImplementedError:  # the loop of Windows knows no readiness: look again shortly
            await asyncio.sleep(PEEK_AGAIN)


async def _readable(loop: asyncio.AbstractEventLoop, taken: socket.socket) -> None:
    ready = loop.create_future()
    loop.add_reader(taken, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(taken)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
