"""A front door in this process, before a server that can be stopped and started behind it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from waitress import create_server

from fallback_server.domain.clock import SystemClock
from fallback_server.door import certificates
from fallback_server.door.front import Door, Front
from fallback_server.web.behind import BY_DOOR, behind_door
from tests.fixtures_browser import free_port

SECRET = "a secret of this test"


def until(what: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait for something true; what it was."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


def awaited(work: Coroutine[Any, Any, Any], seconds: float = 60) -> Any:
    """What a coroutine comes to, in a thread of its own: a browser of other tests keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(asyncio.wait_for(work, seconds))).result()


class DoorThread:
    """A door on a port of its own, in a loop of its own; `close` and `open` are a death and a return."""

    def __init__(self, server: str, folder: Path, **options: Any) -> None:
        self.folder = folder
        certificates.ensure(folder, ["127.0.0.1", "localhost"], SystemClock().now(), "测试医院")
        options.setdefault("certificate", folder / certificates.CERTIFICATE)
        options.setdefault("key", folder / certificates.KEY)
        self.front = Front("127.0.0.1", free_port(), server, SECRET, **options)
        self.door: Door | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def ca(self) -> Path:
        return self.folder / certificates.CA_CERTIFICATE

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.front.port}"

    @property
    def https(self) -> str:
        return f"https://127.0.0.1:{self.front.port}"

    def open(self) -> DoorThread:
        opened = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._stand(opened)), name="door", daemon=True)
        self._thread.start()
        assert opened.wait(30)
        return self

    async def _stand(self, opened: threading.Event) -> None:
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with Door(self.front) as self.door:
            opened.set()
            await self._stop.wait()

    def close(self) -> None:
        if self.loop is not None:
            with suppress(RuntimeError):  # closed already
                self.loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(30)
            self.loop = None


Opened = Callable[..., DoorThread]


class Inner:
    """A window server of a few lines behind the door: it says what it was told, and which mode it is in."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mode: dict[str, Any] = {
            "mode": "normal", "epoch": 1, "documents_waiting": 0,
            "mirror": {"as_of": None, "age_seconds": 1, "stale": True},
        }  # fmt: skip
        self.asked = 0
        self.seen: list[tuple[str, str, bool]] = []  # method, path, whether the door brought it
        self._server: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Inner:
        self._server = create_server(
            behind_door(self.answer, SECRET), host="127.0.0.1", port=self.port, threads=4,
            clear_untrusted_proxy_headers=False,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._serve, args=(self._server,), name="inner", daemon=True)
        self._thread.start()
        return self

    @staticmethod
    def _serve(server: Any) -> None:
        with suppress(OSError):
            server.run()

    def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for channel in list(self._server.active_channels.values()):
            channel.close()
        self._server.task_dispatcher.shutdown()
        self._thread.join(5)
        self._server = None

    def answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/api/v1/mode":
            self.asked += 1
            return self._json(start, {**self.mode, "mirror": {**self.mode["mirror"], "age_seconds": self.asked}})
        self.seen.append((environ["REQUEST_METHOD"], path, environ.get(BY_DOOR) is True))
        if path == "/big":
            start("200 OK", [("Content-Type", "application/pdf")])
            return (bytes([n % 256]) * 65_536 for n in range(64))
        if path == "/breaks":
            start("200 OK", [("Content-Length", "1000000")])
            return _broken()
        body = environ["wsgi.input"].read()
        told = {
            name: str(value) for name, value in environ.items() if name.startswith(("HTTP_", "REMOTE_", "wsgi.url"))
        }
        told |= {
            "method": environ["REQUEST_METHOD"],
            "path": path,
            "query": environ["QUERY_STRING"],
            "by": str(environ.get(BY_DOOR)),
        }
        return self._json(start, {**told, "body": body.decode("latin-1")}, "201 Created" if body else "200 OK")

    @staticmethod
    def _json(start: Callable[..., Any], value: dict[str, Any], status: str = "200 OK") -> Iterable[bytes]:
        text = json.dumps(value).encode()
        start(
            status,
            [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(text))),
                ("Set-Cookie", "a=1"),
                ("Set-Cookie", "b=2"),
            ],
        )
        return [text]


def _broken() -> Iterable[bytes]:
    yield b"x" * 200_000
    raise OSError("the disk went away")


@contextmanager
def in_front_of_inner(folder: Path) -> Iterator[tuple[Inner, DoorThread]]:
    """An inner server and the door before it, until the block ends."""
    inner = Inner().start()
    door = DoorThread(inner.url, folder).open()
    try:
        yield inner, door
    finally:
        door.close()
        inner.stop()
