"""How often one session and one address may ask: far more than windows do, less than what would hold the others up.

Each has a bucket that fills at its rate and holds `BURST` seconds of it; a request takes one out. Files beside the
pages are not counted: the door has them in memory.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Final

from aiohttp import hdrs, web

from fallback_server.domain.errors import YjError

BURST: Final = 10.0  # seconds: a window that is opened asks for more at once than it does in a minute afterwards
MOST_KEPT: Final = 20_000  # who has asked nothing for longest is forgotten first, with a full bucket most likely
LARGE_BODY: Final = 64 * 1024  # what windows send is a tenth of it
LARGE_AT_ONCE: Final = 8  # of one address: bodies that arrive slowly are kept in memory meanwhile
SESSION_COOKIE: Final = "yj_session"
SAY_AGAIN: Final = 60.0

log = logging.getLogger("yj.door")


class Buckets:
    """One bucket for each key. `rate` 0: no limit."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate * BURST)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Take one; 0.0, or the seconds until there is one again."""
        if self._rate <= 0:
            return 0.0
        left, at = self._left.pop(key, (self._most, now))
        left = min(self._most, left + (now - at) * self._rate)
        enough = left >= 1.0
        self._left[key] = (left - 1.0 if enough else left, now)
        if len(self._left) > MOST_KEPT:
            self._left.popitem(last=False)
        return 0.0 if enough else (1.0 - left) / self._rate


class Limits:
    """What one session and one address may ask. Times are those of the loop."""

    def __init__(self, session_rate: float, address_rate: float) -> None:
        self._sessions = Buckets(session_rate)
        self._addresses = Buckets(address_rate)
        self._large: Counter[str] = Counter()
        self._said = -SAY_AGAIN

    def ask(self, session: str | None, address: str, now: float) -> None:
        """Let a request of a session (see `session_of`) through. Raises too_many_requests with the seconds to wait.

        The session is asked first: what it is refused takes nothing from the others at its address.
        """
        wait, who = 0.0 if session is None else self._sessions.take(session, now), "session"
        if not wait:
            wait, who = self._addresses.take(address, now), "address"
        if not wait:
            return
        if now - self._said >= SAY_AGAIN:
            self._said = now
            log.warning("one %s at %s asks too often and is told to wait", who, address)
        raise YjError("too_many_requests", seconds=ceil(wait))

    @contextmanager
    def body(self, request: web.BaseRequest, address: str) -> Iterator[None]:
        """Room for a body while it arrives. Raises too_many_requests where an address sends too many large ones."""
        length = request.content_length
        if not request.can_read_body or (length is not None and length <= LARGE_BODY):
            yield
            return
        if self._large[address] >= LARGE_AT_ONCE:
            raise YjError("too_many_requests", seconds=1)
        self._large[address] += 1
        try:
            yield
        finally:
            self._large[address] -= 1
            if not self._large[address]:
                del self._large[address]


def session_of(request: web.BaseRequest) -> str | None:
    """What stands for the session of a request; the token itself is not kept."""
    header = request.headers.get(hdrs.AUTHORIZATION, "")
    token = header.removeprefix("Bearer ") if header.startswith("Bearer ") else request.cookies.get(SESSION_COOKIE)
    return hashlib.blake2b(token.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest() if token else None
