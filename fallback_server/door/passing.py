"""Passing a request on to the window server on this machine and its answer back, with the window's address.

A body is taken in whole before the server hears of it (nobody holds one of its threads by sending slowly), an answer is
handed on as it comes. Two of the server's threads are never asked for, so that the question about the mode and a health
check find one free in the worst rush.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    hdrs,
    web,
)
from multidict import CIMultiDict
from yarl import URL

from fallback_server.domain.errors import YjError
from fallback_server.door.answers import API, refused
from fallback_server.door.gate import is_near

SECRET_HEADER: Final = "YJ-Door"  # noqa: S105 - the name of a header
FORWARDED_FOR: Final = "X-Forwarded-For"
FORWARDED_PROTO: Final = "X-Forwarded-Proto"
THREADS_KEPT_FREE: Final = 2
KEEP_SECONDS: Final = 30  # less than the server's own, so that it never closes a connection under a request
WHOLE: Final = 64 * 1024  # an answer up to this size travels in one piece
BODY_SECONDS: Final = 30
READ_SECONDS: Final = 60
ANSWER_SECONDS: Final = 120  # a PDF of a whole incident takes its time
MODE_SECONDS: Final = 2.0
HEARTS_SECONDS: Final = 10.0

# RFC 9110, 7.6.1: they speak of one connection only. The rest are ours to say.
_NOT_PASSED: Final = frozenset(
    name.lower()
    for name in (
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade", "Expect", "Content-Length", "Forwarded", FORWARDED_FOR, FORWARDED_PROTO,
        "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-By", "X-Real-IP", SECRET_HEADER,
    )
)  # fmt: skip
_NOT_BACK: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "trailer", "server", "date"})

log = logging.getLogger("yj.door")


@dataclass(frozen=True)
class Caller:
    """Who asks, as far as can be believed."""

    address: str
    tls: bool
    near: bool  # on this machine


def caller_of(request: web.BaseRequest, proxies: frozenset[str]) -> Caller:
    """The window behind a request. Only a proxy that the hospital named is believed when it speaks for another."""
    known = request.transport.get_extra_info if request.transport is not None else lambda _name: None
    peer, here, tls = known("peername"), known("sockname"), known("sslcontext") is not None
    address = plain_address(str(peer[0])) if peer else "unknown"
    if address in proxies and (said := request.headers.get(FORWARDED_FOR, "").rpartition(",")[2].strip()):
        behind = plain_address(said)
        return Caller(behind, request.headers.get(FORWARDED_PROTO, "http") == "https", is_near(behind))
    # Who calls from the very address that was called is on this machine, too.
    near = is_near(address) or bool(here and address == plain_address(str(here[0])))
    return Caller(address, tls, near)


def plain_address(text: str) -> str:
    """An address as IPv4 where it is one in IPv6's clothes; anything that is none stays as it is, but short."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text[:45]
    return str(getattr(found, "ipv4_mapped", None) or found)


class Passage:
    """The way to the window server at `server` (http://127.0.0.1:port). `close` when done."""

    def __init__(self, server: str, secret: str, threads: int) -> None:
        self._server = server
        self._secret = secret
        self._places = asyncio.Semaphore(max(1, threads - THREADS_KEPT_FREE))
        self._session = ClientSession(
            connector=TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS),
            timeout=ClientTimeout(total=None, sock_connect=5, sock_read=ANSWER_SECONDS),
            auto_decompress=False, cookie_jar=DummyCookieJar(), trust_env=False,
            skip_auto_headers=(hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.USER_AGENT, hdrs.CONTENT_TYPE),
        )  # fmt: skip

    async def close(self) -> None:
        """Give the connections back."""
        await self._session.close()

    async def mode(self) -> dict[str, Any]:
        """One GET /mode, past the queue of the windows. Raises OSError, TimeoutError or ValueError for no answer."""
        return await self._ask("/mode")

    async def prints(self) -> dict[str, Any]:
        """Workstations whose agent has something to print, with the newest of it. Raises the same."""
        return await self._ask("/workstations/prints/waiting")

    async def queues(self) -> dict[str, Any]:
        """Departments with a mark of their queue, which changes with it. Raises the same."""
        return await self._ask("/triage/marks")

    async def lists(self) -> dict[str, Any]:
        """Pharmacies with a mark of their list, which changes with it. Raises the same."""
        return await self._ask("/pharmacy/marks")

    async def hearts(self, beats: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
        """Heartbeats of agents, many at a time. Raises the same."""
        said = json.dumps({"beats": beats}).encode()
        headers = {SECRET_HEADER: self._secret, hdrs.CONTENT_TYPE: "application/json"}
        url = self._server + API + "/workstations/heartbeats"
        try:
            async with asyncio.timeout(HEARTS_SECONDS), self._session.post(url, data=said, headers=headers) as response:
                if response.status != 200:
                    raise ConnectionError(f"the server answers {response.status}")
                found = await response.json()
        except ClientError as error:
            raise ConnectionError(str(error)) from error
        if not isinstance(found, dict) or not isinstance(found.get("answers"), list):
            raise ValueError("no answers")
        return list(found["answers"])

    async def _ask(self, path: str) -> dict[str, Any]:
        """What the door asks for itself: it names no window."""
        try:
            async with (
                asyncio.timeout(MODE_SECONDS),
                self._session.get(self._server + API + path, headers={SECRET_HEADER: self._secret}) as response,
            ):
                if response.status != 200:
                    raise ConnectionError(f"the server answers {response.status}")
                found = await response.json()
        except ClientError as error:
            raise ConnectionError(str(error)) from error
        if not isinstance(found, dict):
            raise ValueError(f"{path}: no object")
        return found

    async def send(self, request: web.Request, caller: Caller, body: bytes) -> web.StreamResponse:
        """Pass a request on and its answer back."""
        path = request.rel_url.raw_path_qs
        if not path.startswith("/"):
            raise web.HTTPBadRequest
        answer: ClientResponse | None = None
        try:
            async with self._places:
                answer = await self._session.request(
                    request.method, URL(self._server + path, encoded=True), data=body or None,
                    headers=self._headers(request, caller), allow_redirects=False,
                )  # fmt: skip
                whole = await answer.read() if _is_small(request, answer) else None
            return await _back(request, answer, whole)
        except (ClientError, TimeoutError, ConnectionError) as error:
            return self._failed(request, answer, error)
        finally:
            if answer is not None:
                answer.release()

    def _headers(self, request: web.Request, caller: Caller) -> CIMultiDict[str]:
        named = {name.strip().lower() for name in request.headers.get(hdrs.CONNECTION, "").split(",")}
        passed = CIMultiDict(
            (name, value)
            for name, value in request.headers.items()
            if name.lower() not in _NOT_PASSED and name.lower() not in named
        )
        passed[SECRET_HEADER] = self._secret
        passed[FORWARDED_FOR] = caller.address
        passed[FORWARDED_PROTO] = "https" if caller.tls else "http"
        return passed

    @staticmethod
    def _failed(request: web.Request, answer: ClientResponse | None, error: Exception) -> web.Response:
        log.info("%s %s: the server did not answer (%s)", request.method, request.path, type(error).__name__)
        if answer is not None:
            # The head went out already, or would be a lie: the window sees a broken connection and asks again.
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)
        never_sent = isinstance(error, ClientConnectorError)
        return refused(request, YjError("standby_restarting" if never_sent else "answer_lost"))


async def body_of(request: web.Request) -> bytes:
    """The body, whole. Raises request_timeout where it comes too slowly, HTTPRequestEntityTooLarge."""
    if not request.can_read_body:
        return b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise YjError("request_timeout") from None


def _is_small(request: web.Request, answer: ClientResponse) -> bool:
    return request.method == hdrs.METH_HEAD or (answer.content_length is not None and answer.content_length <= WHOLE)


async def _back(request: web.Request, answer: ClientResponse, whole: bytes | None) -> web.StreamResponse:
    headers = CIMultiDict((name, value) for name, value in answer.headers.items() if name.lower() not in _NOT_BACK)
    if whole is not None:
        if request.method != hdrs.METH_HEAD:
            headers.popall(hdrs.CONTENT_LENGTH, None)
        return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=whole or None)
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    await response.prepare(request)
    async for piece in answer.content.iter_any():
        # Who asks for a large answer and does not read it holds one of the server's threads.
        async with asyncio.timeout(READ_SECONDS):
            await response.write(piece)
    await response.write_eof()
    return response
