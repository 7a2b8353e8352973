"""Heartbeats of agents, gathered for a moment and told to the server many at a time.

After a switch all agents of a hospital acknowledge it within a fifth of a second, each by a request and a transaction
of its own: the server is busy with them for seconds while windows charge. Together they are a few short transactions.
Who only says that he still lives is gathered for longer: 500 agents do so forty times a second, all day long, and each
transaction is one that the windows' documents wait for. What the server does not take in this way is passed on in the
ordinary one, which says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import hdrs, web

from fallback_server.domain.numbers import AGENT_TOKEN
from fallback_server.door.answers import API

PATH: Final = API + "/workstations/heartbeat"
GATHER_SECONDS: Final = 0.03
CALM_SECONDS: Final = 0.5
MOST_KNOWN: Final = 5000
MOST: Final = 200  # at once: some tens of milliseconds, in which the windows' documents wait
TELL_SECONDS: Final = 20.0  # the server has ten for each batch
# What the server takes of one: a single one beyond would have the whole batch refused.
LONGEST_BODY, LONGEST_TOKEN, LONGEST_ADDRESS = 4096, 128, 64
log = logging.getLogger("yj.door")

Beat = dict[str, Any]
"""`{token, address, body}` of one agent."""
Tell = Callable[[list[Beat]], Awaitable[list[dict[str, Any] | None]]]
"""Tell the server; its answers in the same order, None for what it does not take. Raises OSError, TimeoutError,
ValueError where it does not answer."""


def beat_of(request: web.Request, address: str, body: bytes) -> Beat | None:
    """The heartbeat in a request of an agent; None for anything else, and for one that is longer than any of ours."""
    kind, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if request.method != hdrs.METH_POST or request.path != PATH or kind != "Bearer":
        return None
    if not token.startswith(AGENT_TOKEN) or request.content_type != "application/json":
        return None
    if len(body) > LONGEST_BODY or len(token) > LONGEST_TOKEN or len(address) > LONGEST_ADDRESS:
        return None
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return {"token": token, "address": address, "body": said} if isinstance(said, dict) else None


class Hearts:
    """The gathering. `run` for ever; `tell` from any request."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._waiting: list[tuple[Beat, asyncio.Future[dict[str, Any] | None]]] = []
        self._some = asyncio.Event()
        self._news = asyncio.Event()
        self._known: dict[str, Any] = {}  # agent → the epoch that the server heard of it last

    async def tell(self, beat: Beat) -> web.Response | None:
        """The server's answer to this heartbeat, None where it is to be passed on in the ordinary way."""
        heard: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((beat, heard))
        self._some.set()
        if self._is_news(beat) or len(self._waiting) >= MOST:
            self._news.set()
        try:
            async with asyncio.timeout(TELL_SECONDS):
                answer = await heard
        except TimeoutError:
            return None
        if answer is None:
            return None
        headers = {"YJ-Epoch": str(answer["epoch"]), hdrs.CACHE_CONTROL: "no-store"}
        return web.json_response(answer, headers=headers)

    async def run(self) -> None:
        """Tell what has gathered, for ever."""
        while True:
            await self._some.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CALM_SECONDS):
                    await self._news.wait()
            if len(self._waiting) < MOST:
                await asyncio.sleep(GATHER_SECONDS)
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not self._waiting:
                self._some.clear()
                self._news.clear()
            answers = await self._ask([beat for beat, _ in batch])
            for (beat, heard), answer in zip(batch, answers, strict=True):
                self._note(beat, answer)
                if not heard.done():  # who asked may be gone
                    heard.set_result(answer)

    def _is_news(self, beat: Beat) -> bool:
        agent = _agent(beat)
        return agent not in self._known or self._known[agent] != beat["body"].get("epoch")

    def _note(self, beat: Beat, answer: dict[str, Any] | None) -> None:
        if answer is None:
            self._known.pop(_agent(beat), None)
            return
        if len(self._known) >= MOST_KNOWN:  # agents come and go with their tokens
            self._known.clear()
        self._known[_agent(beat)] = beat["body"].get("epoch")

    async def _ask(self, beats: list[Beat]) -> list[dict[str, Any] | None]:
        nothing: list[dict[str, Any] | None] = [None] * len(beats)
        try:
            answers = await self._tell(beats)
        except (OSError, TimeoutError, ValueError):
            return nothing
        except Exception as error:  # noqa: BLE001  (edge of the gathering, which nothing may end: each goes on alone)
            log.error("heartbeats could not be told: %s", type(error).__name__)
            return nothing
        return answers if len(answers) == len(beats) else nothing


def _agent(beat: Beat) -> str:
    """What stands for an agent; its token itself is not kept."""
    return hashlib.blake2b(beat["token"].encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
