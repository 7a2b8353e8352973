"""How a window talks to the standby: one act, one key, sent again until there is an answer.

The same act carries the same key in every try, so the answer is the one of the first time.
Imports neither Flask nor SQLAlchemy and runs on a window PC.
"""

from __future__ import annotations

import json
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import httpx
from ulid import ULID

API: Final = "/api/v1"
Body = Mapping[str, Any]
Answer = dict[str, Any]

FIRST_WAIT: Final = 0.05
LONGEST_WAIT: Final = 1.0
# Longer than the pause between two heartbeats, shorter than the door keeps it: or after a switch all agents would shake
# hands anew in the same moment.
KEPT_OPEN: Final = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=60.0)
STREAM_SILENCE: Final = 40.0  # the door says something every 15 s
RETRIED_STATUS: Final = frozenset({502, 503, 504})


def new_key() -> str:
    """A fresh identity of a human act; minted when the form is opened, sent with every try."""
    return str(ULID())


def pinned(ca: Path | None) -> ssl.SSLContext | bool:
    """What a connection trusts: this authority alone, or (None) those of the machine."""
    return ssl.create_default_context(cafile=str(ca)) if ca is not None else True


class Problem(Exception):
    """A refusal by the standby (RFC 9457). `code` is stable; `detail` is for staff, `hint` for IT."""

    def __init__(
        self, status: int, code: str, detail: str, hint: str = "", params: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {detail}" + (f" ({hint})" if hint else ""))
        self.status = status
        self.code = code
        self.detail = detail
        self.hint = hint
        self.params: dict[str, Any] = dict(params or {})


class NoAnswer(Exception):
    """The standby did not answer within the patience of this client; the act may or may not have been done.

    `key` is the act's key: sending it again later, with the same body, is always safe.
    """

    def __init__(self, detail: str, key: str | None) -> None:
        super().__init__(detail)
        self.key = key


@dataclass(frozen=True)
class Person:
    """Somebody with a password: who logs in, or the second person of an act."""

    operator: str
    password: str = field(repr=False)

    def payload(self) -> dict[str, str]:
        """As the API wants an approver."""
        return {"operator": self.operator, "password": self.password}


@dataclass(frozen=True)
class LoggedIn:
    """What a log-in gave."""

    token: str = field(repr=False)
    expires_at: str
    code: str
    name: str
    roles: tuple[str, ...]


def retry_wait(attempt: int, jitter: Callable[[], float] = random.random) -> float:
    """Seconds before try number `attempt` + 1 (from 1): doubling from 50 ms to 1 s, with jitter against a stampede."""
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt - 1, 10)) * (0.5 + jitter() / 2))


def _events(lines: Iterable[str]) -> Iterator[tuple[str, Answer]]:
    """What a server-sent stream says; comments and what is no JSON object are passed over."""
    name, data = "message", ""
    for line in lines:
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
        elif not line:
            if data:
                found = json.loads(data)
                if isinstance(found, dict):
                    yield name, found
            name, data = "message", ""


class Transport:
    """One workstation's connection to the standby; safe to use from one thread at a time.

    `patience` is how long (seconds) one act is repeated before `NoAnswer`; look-ups share it. Proxies of the
    environment are ignored: the standby is on the hospital's own network. `ca` is the file of the standby's authority
    (`yj certificate export`): with it nothing else is trusted, whatever the machine trusts otherwise.
    """

    def __init__(
        self,
        base_url: str,
        workstation: str,
        *,
        patience: float = 30.0,
        timeout: float = 10.0,
        language: str = "zh-CN",
        ca: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.workstation = workstation
        self.patience = patience
        self.person: LoggedIn | None = None
        self.epoch: int | None = None
        self.retries = 0  # how often an act or a look-up had to be sent again
        self._stopped = threading.Event()
        self._http = httpx.Client(
            base_url=self.base_url, timeout=timeout, trust_env=False, transport=transport, verify=pinned(ca),
            limits=KEPT_OPEN,
            headers={"Accept-Language": language, "User-Agent": f"his-yj-sdk ({workstation})"},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up waiting, if somebody waits, and close the connection."""
        self._stopped.set()
        self._http.close()

    # -- the two ways to talk --------------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Answer:
        """A look-up; parameters that are None are left out. Raises Problem or NoAnswer."""
        wanted = {name: value for name, value in query.items() if value is not None}
        return self._send("GET", path, params=wanted)

    def post(self, path: str, body: Body | None = None, *, key: str | None = None, keyed: bool = True) -> Answer:
        """An act. With `keyed` it carries `key` or a fresh one, the same in every try. Raises Problem or NoAnswer."""
        act = (key or new_key()) if keyed else None
        return self._send("POST", path, body=body or {}, key=act)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Body | None = None,
        key: str | None = None,
    ) -> Answer:
        deadline = time.monotonic() + self.patience
        content = json.dumps(body, ensure_ascii=False).encode() if body is not None else None
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._http.request(
                    method, f"{API}{path}", params=params, content=content, headers=self._headers(method, key)
                )
            except httpx.TransportError as error:
                # A POST without a key may have been done: only those that replace what was before are sent again.
                trouble = f"{type(error).__name__}: {error}"
            else:
                if response.status_code not in RETRIED_STATUS:
                    return self._read(response)
                trouble = f"HTTP {response.status_code}"
                if time.monotonic() >= deadline:
                    return self._read(response)
            if time.monotonic() >= deadline or self._stopped.is_set():
                raise NoAnswer(f"{method} {path}: {trouble} (tried {attempt} times)", key)
            self.retries += 1
            self._stopped.wait(retry_wait(attempt))

    def _headers(self, method: str, key: str | None) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self.person is not None:
            headers["Authorization"] = f"Bearer {self.person.token}"
        if method == "POST":
            headers["Content-Type"] = "application/json"
            if key is not None:
                headers["Idempotency-Key"] = key
            if self.epoch is not None:
                headers["YJ-Epoch"] = str(self.epoch)
        return headers

    def _read(self, response: httpx.Response) -> Answer:
        try:
            data = response.json()
        except ValueError:
            data = None
        if response.is_success and isinstance(data, dict):
            return data
        if not isinstance(data, dict):
            raise Problem(response.status_code, "not_json", response.text[:200], "Is this address a standby?")
        raise Problem(
            response.status_code, str(data.get("code", "unknown")), str(data.get("detail", data)),
            str(data.get("hint", "")), data.get("params"),
        )  # fmt: skip

    def all_items(self, path: str, **query: Any) -> list[Answer]:
        """Every item of a list, page by page."""
        items: list[Answer] = []
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            items += page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return items

    def listen(self, path: str) -> Iterator[tuple[str, Answer]]:
        """Server-sent events of one connection, as (name, data), until it is cut; the caller comes back with jitter.

        Raises Problem where there is no such stream, NoAnswer when it is cut or silent.
        """
        wait = httpx.Timeout(self._http.timeout.connect, read=STREAM_SILENCE)
        try:
            with self._http.stream("GET", f"{API}{path}", timeout=wait) as response:
                if response.status_code != 200:
                    response.read()
                    self._read(response)
                yield from _events(response.iter_lines())
        except httpx.TransportError as error:
            raise NoAnswer(f"GET {path}: {type(error).__name__}: {error}", None) from error
        raise NoAnswer(f"GET {path}: the stream ended", None)

    def page(self, path: str) -> str:
        """A page or a print as a browser gets it; asked once. Raises Problem, NoAnswer."""
        try:
            response = self._http.get(path, headers={"Authorization": self._headers("GET", None)["Authorization"]})
        except httpx.TransportError as error:
            raise NoAnswer(f"GET {path}: {type(error).__name__}: {error}", None) from error
        if response.status_code != 200:
            raise Problem(response.status_code, "no_page", f"{path}: HTTP {response.status_code}")
        return response.text

    def alive(self) -> bool:
        """Whether the standby answers at all, asked once."""
        try:
            return self._http.get("/healthz", timeout=2).is_success
        except httpx.TransportError:
            return False
