"""Told in a second: one question to the server a few times a second, one answer to every window that listens.

A stream carries the JSON of `GET /mode`: at once when it begins, at once when anything of it changes, and every
`BEAT` seconds in any case, so that the age of the data goes on and a middlebox sees life. What a reader missed does
not matter, only the last state does: so nothing is queued for anybody, `Last-Event-ID` is not needed, and a reader who
does not take what was sent is dropped. While the server does not answer, the streams stay open and say so
(`event: away`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from aiohttp import hdrs, web

from fallback_server.door.bells import Bells

ASK_EVERY: Final = 0.25
CHATTER_EVERY: Final = 5.0  # how often the number of waiting documents alone is news
BEAT: Final = 15.0
AWAY_AFTER: Final = 1.0
SLOW_READER: Final = 10.0
UNREAD_BYTES: Final = 16 * 1024
AGAIN_MS: Final = (1000, 3000)  # a browser comes back after this: not all of them in the same moment

Ask = Callable[[], Awaitable[dict[str, Any]]]
"""One GET /mode; raises OSError or TimeoutError while the server does not answer."""

log = logging.getLogger("yj.door")


def _core(mode: dict[str, Any]) -> dict[str, Any]:
    """What must be told at once: all but the figures that move by themselves."""
    mirror = {name: value for name, value in (mode.get("mirror") or {}).items() if name != "age_seconds"}
    return {**mode, "mirror": mirror, "documents_waiting": None}


class Hub:
    """The last known state, and whoever waits for the next one."""

    def __init__(
        self, ask: Ask, bells: Mapping[str, Bells] | None = None, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._bells = bells or {}  # by the name in the address of a stream under which one says for whom one listens
        self._now = now
        self._mode: dict[str, Any] | None = None
        self._frame = b""
        self._number = 0
        self._told_at = -BEAT
        self._heard_at = now()
        self._away = False
        self._news = asyncio.Event()
        self._closed = False
        self.readers = 0

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            begun = self._now()
            await self.look()
            await asyncio.sleep(max(0.02, ASK_EVERY - (self._now() - begun)))

    async def look(self) -> None:
        """Ask once, and tell what is news."""
        try:
            mode = await self._ask()
        except (OSError, TimeoutError, ValueError):
            self._miss()
            return
        self._heard_at = self._now()
        if self._is_news(mode):
            self._tell(mode)

    def _is_news(self, mode: dict[str, Any]) -> bool:
        since = self._now() - self._told_at
        if self._mode is None or self._away or since >= BEAT or _core(mode) != _core(self._mode):
            return True
        return since >= CHATTER_EVERY and mode.get("documents_waiting") != self._mode.get("documents_waiting")

    def _tell(self, mode: dict[str, Any]) -> None:
        if self._away:
            log.warning("the server answers again")
        self._away = False
        self._mode = mode
        self._told_at = self._now()
        text = json.dumps(mode, ensure_ascii=False, separators=(",", ":"))
        self._publish(f"id: {mode.get('epoch')}-{self._number + 1}\ndata: {text}\n\n")

    def _miss(self) -> None:
        silent = self._now() - self._heard_at
        if silent < AWAY_AFTER or (self._away and self._now() - self._told_at < BEAT):
            return
        if not self._away:
            log.warning("the server does not answer; windows are told")
        self._away = True
        self._told_at = self._now()
        self._publish(f'event: away\ndata: {{"seconds": {int(silent)}}}\n\n')

    def _publish(self, frame: str) -> None:
        self._number += 1
        self._frame = frame.encode()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def close(self) -> None:
        """End every stream: the door is closing."""
        self._closed = True
        self._news.set()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """One window's stream, until it goes, is too slow, or the door closes."""
        response = web.StreamResponse(
            headers={hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8", hdrs.CACHE_CONTROL: "no-store",
                     "X-Accel-Buffering": "no"}
        )  # fmt: skip
        await response.prepare(request)
        if request.transport is not None and not request.transport.is_closing():
            request.transport.set_write_buffer_limits(high=UNREAD_BYTES)
        self.readers += 1
        try:
            with self._hearing(request, response):
                await self._feed(response, f"retry: {random.randint(*AGAIN_MS)}\n\n".encode())  # noqa: S311 - jitter
        except TimeoutError:
            log.info("a reader of the mode's stream was too slow")
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass
        finally:
            self.readers -= 1
        return response

    @contextmanager
    def _hearing(self, request: web.Request, response: web.StreamResponse) -> Iterator[None]:
        """An agent, or the page of a hall, says whose it is and hears on its stream what concerns it alone."""
        with ExitStack() as stack:
            for name, bells in self._bells.items():
                stack.enter_context(bells.hearing(request.query.get(name, ""), response))
            yield

    async def _feed(self, response: web.StreamResponse, first: bytes) -> None:
        news = self._news
        await self._write(response, first + (self._frame or b": no answer yet\n\n"))
        while True:
            await news.wait()  # not for ever: something is told every BEAT
            if self._closed:
                return
            news = self._news
            await self._write(response, self._frame)

    @staticmethod
    async def _write(response: web.StreamResponse, frame: bytes) -> None:
        async with asyncio.timeout(SLOW_READER):
            await response.write(frame)
