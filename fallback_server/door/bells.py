"""A word to those whom something concerns: something to print, a hall's queue or a pharmacy's list that has moved.

It travels on the stream of the mode that they hold anyway (`GET /mode/events?workstation=W`, `?hall=DEPARTMENT` or
`?pharmacy=PHARMACY`; `*` for all of them).
Nothing is said of what there is: who hears it asks for that himself. One question to the server for all of them, and
none while nobody listens. A word that is lost costs little: the page prints by the browser, a hall looks now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from aiohttp import web

SLOW_READER: Final = 5.0
LONGEST_CODE: Final = 64

Ask = Callable[[], Awaitable[dict[str, Any]]]
"""Workstation → the newest print that waits there, department or pharmacy → a mark of its queue; raises OSError or
TimeoutError while the server does not answer."""


class Bells:
    """Who listens for which workstation, department or pharmacy. `event` is the word's name, `every` the seconds
    between two questions."""

    def __init__(self, ask: Ask, event: str, every: float) -> None:
        self._ask = ask
        self._every = every
        self._word = f"event: {event}\ndata: {{}}\n\n".encode()
        self._ears: defaultdict[str, set[web.StreamResponse]] = defaultdict(set)
        self._rung: dict[str, Any] = {}

    @contextlib.contextmanager
    def hearing(self, code: str, response: web.StreamResponse) -> Iterator[None]:
        """Until the end of the block, ring `response` for `code` ('' for nobody in particular)."""
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
            await asyncio.sleep(self._every)
            if self._ears:
                await self.look()

    async def look(self) -> None:
        """Ask once, and ring where something new waits, or nothing any more: a queue's last one has left."""
        try:
            waiting = await self._ask()
        except (OSError, TimeoutError, ValueError):
            return
        news = [code for code in {**self._rung, **waiting} if self._rung.get(code) != waiting.get(code)]
        self._rung = waiting
        ears = [ear for code in news for ear in self._ears.get(code, ())]
        await asyncio.gather(*map(self._ring, ears))

    async def _ring(self, ear: web.StreamResponse) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):  # its own stream notices
            async with asyncio.timeout(SLOW_READER):
                await ear.write(self._word)
