"""A word to one workstation's agent: there is something for you to print, come and fetch it.

It travels on the stream of the mode that the agent holds anyway (`GET /mode/events?workstation=W`). Nothing is said of
what there is: the agent asks for that with its token. One question to the server for all of them, and none while no
agent listens. A word that is lost costs nothing: the page prints by the browser.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from aiohttp import web

ASK_EVERY: Final = 0.4
SLOW_READER: Final = 5.0
LONGEST_CODE: Final = 32
WORD: Final = b"event: print\ndata: {}\n\n"

Ask = Callable[[], Awaitable[dict[str, Any]]]
"""Workstation → the newest print that waits there; raises OSError or TimeoutError while the server does not answer."""


class Bells:
    """Who listens for which workstation."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._ears: defaultdict[str, set[web.StreamResponse]] = defaultdict(set)
        self._rung: dict[str, Any] = {}

    @contextlib.contextmanager
    def hearing(self, code: str, response: web.StreamResponse) -> Iterator[None]:
        """Until the end of the block, ring `response` for the workstation `code` ('' for nobody in particular)."""
        if not 0 < len(code) <= LONGEST_CODE:
            yield
            return
        self._ears[code].add(response)
        try:
            yield
        finally:
            self._ears[code].discard(response)
            if not self._ears[code]:
                del self._ears[code]

    async def run(self) -> None:
        """Ask for ever, while somebody listens."""
        while True:
            await asyncio.sleep(ASK_EVERY)
            if self._ears:
                await self.look()

    async def look(self) -> None:
        """Ask once, and ring where something new waits."""
        try:
            waiting = await self._ask()
        except (OSError, TimeoutError, ValueError):
            return
        news = [code for code, newest in waiting.items() if self._rung.get(code) != newest]
        self._rung = waiting
        ears = [ear for code in news for ear in self._ears.get(code, ())]
        await asyncio.gather(*map(self._ring, ears))

    @staticmethod
    async def _ring(ear: web.StreamResponse) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):  # its own stream notices
            async with asyncio.timeout(SLOW_READER):
                await ear.write(WORD)
