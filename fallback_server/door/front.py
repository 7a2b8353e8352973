"""The door as a whole: one port, one loop, everything put together and taken apart again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import operator
import ssl
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from fallback_server.domain.errors import YjError
from fallback_server.door import answers
from fallback_server.door.bells import Bells
from fallback_server.door.certificates import CertificateTrouble, Keeper
from fallback_server.door.events import Hub
from fallback_server.door.files import Files
from fallback_server.door.gate import Gate, listen, tls_context
from fallback_server.door.hearts import Hearts, beat_of
from fallback_server.door.limits import Limits, session_of
from fallback_server.door.passing import Caller, Passage, body_of, caller_of

KEEP_ALIVE: Final = 75.0
LONGEST_HEAD: Final = 16 * 1024
CLOSE_SECONDS: Final = 3.0
LOOK_AT_FILES: Final = 5.0
KEEP_EVERY: Final = 3600.0
PRINTS_EVERY: Final = 0.4
QUEUES_EVERY: Final = 1.0
CALLER: Final = web.RequestKey("caller", Caller)

log = logging.getLogger("yj.door")


@dataclass(frozen=True)
class Front:
    """What a door is: where it listens, whom it serves, what it shows.

    `certificate` and `key` None: no TLS. `keep` looks after the files, now and then in a thread. `near` says which
    callers may come without TLS and ask as often as they like: those of this machine. `proxies` may say for whom they
    speak. `session_rate` and `address_rate` are requests a second, 0 without a limit.
    """

    host: str
    port: int
    server: str
    secret: str = field(repr=False)
    pages: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    threads: int = 16
    max_body_bytes: int = 1_048_576
    proxies: frozenset[str] = frozenset()
    session_rate: int = 0
    address_rate: int = 0
    keep: Keeper | None = None
    near: Callable[[Caller], bool] = operator.attrgetter("near")


class Door:
    """An open door, as a context inside a running loop. Opening raises OSError if port or certificate cannot be had."""

    gate: Gate
    hub: Hub

    def __init__(self, front: Front) -> None:
        self._front = front
        self._files = Files(front.pages / "static") if front.pages is not None else None
        self._marks = self._marks_of_files()
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        front, tls = self._front, self._context()
        listener = listen(front.host, front.port)
        self._open.callback(listener.close)
        self._passage = Passage(front.server, front.secret, front.threads)
        self._limits = Limits(front.session_rate, front.address_rate)
        self._open.push_async_callback(self._passage.close)
        prints = Bells(self._passage.prints, "print", PRINTS_EVERY)
        queues = Bells(self._passage.queues, "queue", QUEUES_EVERY)
        lists = Bells(self._passage.lists, "queue", QUEUES_EVERY)
        self.hub = Hub(self._passage.mode, {"workstation": prints, "hall": queues, "pharmacy": lists})
        self._hearts = Hearts(self._passage.hearts)
        runner = web.AppRunner(
            self._application(), access_log=None, logger=_quiet_log(), keepalive_timeout=KEEP_ALIVE,
            shutdown_timeout=CLOSE_SECONDS, max_line_size=LONGEST_HEAD, max_field_size=LONGEST_HEAD,
            auto_decompress=False,
        )  # fmt: skip
        await runner.setup()
        if runner.server is None:
            raise RuntimeError("the runner made no server")
        self.gate = Gate(listener, runner.server, tls, front.proxies)
        self._open.push_async_callback(self.gate.close)
        self._open.push_async_callback(runner.cleanup)
        self._open.callback(self.hub.close)
        works = [self.gate.run(), self.gate.keep_clear(), self.hub.run(), self._hearts.run()]
        works += [bells.run() for bells in (prints, queues, lists)]
        for work in (*works, self._watch(), self._keep()):
            self._go_on_with(work)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def _go_on_with(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)

        async def end() -> None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

        self._open.push_async_callback(end)

    # -- requests --------------------------------------------------------------------------------------------------

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._edge()], client_max_size=self._front.max_body_bytes)
        app.on_response_prepare.append(self._harden)
        app.router.add_get(answers.API + "/mode/events", self._events, allow_head=False)
        app.router.add_route("*", "/static/{version}/{name:.+}", self._file)
        app.router.add_route("*", "/{path:.*}", self._pass)
        return app

    def _edge(self) -> Middleware:
        @web.middleware
        async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.gate.asked(request)
            caller = request[CALLER] = caller_of(request, self._front.proxies)
            try:
                answers.require_one_host(request)
                if self._front.certificate is not None and not caller.tls and not self._front.near(caller):
                    return answers.to_tls(request)
                return await handler(request)
            except YjError as error:
                return answers.refused(request, error)
            except web.HTTPRequestEntityTooLarge:
                return answers.refused(request, YjError("body_too_large", limit=self._front.max_body_bytes))
            except web.HTTPException:
                raise
            # The edge of the process: one request fails, the door stays open.
            except Exception:
                log.exception("%s %s failed in the door", request.method, request.path)
                return answers.refused(request, YjError("internal_error", incident="door"))

        return edge

    async def _harden(self, request: web.Request, response: web.StreamResponse) -> None:
        answers.harden(response, tls=request[CALLER].tls)

    def _count(self, request: web.Request) -> Caller:
        caller = request[CALLER]
        # Programs of this machine, and a proxy that does not say for whom it speaks: all windows may stand behind them.
        if not self._front.near(caller) and caller.address not in self._front.proxies:
            self._limits.ask(session_of(request), caller.address, asyncio.get_running_loop().time())
        return caller

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self._count(request)
        return await self.hub.stream(request)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        found = self._files.answer(request) if self._files is not None else None
        return found if found is not None else await self._pass(request)

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        caller = self._count(request)
        with self._limits.body(request, caller.address):
            body = await body_of(request)
        beat = beat_of(request, caller.address, body)
        if beat is not None and (heard := await self._hearts.tell(beat)) is not None:
            return heard
        return await self._passage.send(request, caller, body)

    # -- certificates ----------------------------------------------------------------------------------------------

    def _context(self) -> ssl.SSLContext | None:
        if self._front.certificate is None or self._front.key is None:
            return None
        return tls_context(self._front.certificate, self._front.key)

    def _marks_of_files(self) -> list[int]:
        marks = []
        for path in (self._front.certificate, self._front.key):
            with contextlib.suppress(OSError):
                marks.append(path.stat().st_mtime_ns if path is not None else 0)
        return marks

    async def _watch(self) -> None:
        """Show a renewed certificate to whoever comes next; those inside are not disturbed."""
        while True:
            await asyncio.sleep(LOOK_AT_FILES)
            marks = self._marks_of_files()
            if marks == self._marks:
                continue
            try:
                self.gate.context = self._context()
            except OSError as error:
                log.error("the certificate cannot be used, the one before is kept: %s", error)
                continue
            self._marks = marks
            log.warning("a new certificate is shown from now on")

    async def _keep(self) -> None:
        while self._front.keep is not None:
            try:
                if (done := await asyncio.to_thread(self._front.keep)) is not None:
                    log.warning("%s", done)
            except (CertificateTrouble, OSError) as error:
                log.error("the certificate could not be looked after: %s", error)
            await asyncio.sleep(KEEP_EVERY)


def _quiet_log() -> logging.Logger:
    """What is not HTTP at all gets its 400 and no trace in the log: anybody could fill the disk with them."""
    quiet = logging.getLogger("yj.door.http")
    quiet.addFilter(_ours_to_mend)
    return quiet


def _ours_to_mend(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


async def stand(front: Front, stop: asyncio.Event, opened: Callable[[], None]) -> None:
    """Open, call `opened`, stay open until `stop`, close. Raises OSError if port or certificate cannot be had."""
    async with Door(front):
        opened()
        await stop.wait()
