"""Something between the standby and a window PC cuts streams, or holds them back: the mode is heard all the same."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from clients.agent.following import LATER, Follower
from tests.fixtures_door import until

MODE = {"mode": "normal", "epoch": 1}


class Middlebox(ThreadingHTTPServer):
    """Passes answers, and does with streams what `stream` says: cut, hold, or once (the first word, then silence)."""

    daemon_threads = True

    def __init__(self, stream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stream, self.mode, self.asked, self.streams = stream, dict(MODE), 0, 0
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Middlebox

    def do_GET(self) -> None:
        events = "/mode/events" in self.path
        body = b"" if events else json.dumps(self.server.mode).encode()
        self.send_response(200)
        if not events:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.asked += not events
        if events:
            self.server.streams += 1
            self._stream()

    def _stream(self) -> None:
        if self.server.stream == "once":
            self.wfile.write(f"data: {json.dumps(self.server.mode)}\n\n".encode())
            self.wfile.flush()
        if self.server.stream != "cut":
            self.server.over.wait(60)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def follow() -> Iterator[Callable[..., tuple[Middlebox, Follower, list[int]]]]:
    """An agent behind a middlebox; what it was told, epoch by epoch."""
    running: list[tuple[Middlebox, threading.Event, threading.Thread]] = []

    def started(stream: str, later: Callable[[], float]) -> tuple[Middlebox, Follower, list[int]]:
        box, stop, heard = Middlebox(stream), threading.Event(), list[int]()
        follower = Follower(box.url, None, lambda mode: heard.append(mode["epoch"]), stop, later=later)
        thread = threading.Thread(target=follower.run, daemon=True)
        threading.Thread(target=box.serve_forever, args=(0.05,), daemon=True).start()
        thread.start()
        running.append((box, stop, thread))
        return box, follower, heard

    yield started
    for box, stop, thread in running:
        stop.set()
        box.over.set()
        thread.join(30)
        box.shutdown()
        box.server_close()


@pytest.mark.parametrize("stream", ["cut", "hold"])
def test_a_stream_that_is_cut_or_held_back_is_replaced_by_asking(
    follow: Callable[..., tuple[Middlebox, Follower, list[int]]], stream: str
) -> None:
    box, _, heard = follow(stream, lambda: 0.2)
    until(lambda: 1 in heard)
    box.mode["epoch"] = 2
    until(lambda: 2 in heard)
    assert sorted(heard) == heard


def test_a_stream_that_fell_silent_is_not_believed_when_a_heartbeat_says_another_epoch(
    follow: Callable[..., tuple[Middlebox, Follower, list[int]]],
) -> None:
    box, follower, heard = follow("once", lambda: 600.0)
    until(lambda: 1 in heard)
    box.mode["epoch"] = 2
    follower.answered({"epoch": 1})
    follower.answered({"epoch": 2})
    until(lambda: 2 in heard)
    assert (box.asked, box.streams) == (1, 1)  # one question; the stream was let be


def test_agents_ask_every_ten_to_fifteen_seconds_and_not_all_at_once() -> None:
    waits = [Follower("http://127.0.0.1:1", None, lambda _: None, threading.Event())._later() for _ in range(200)]
    assert LATER == (10.0, 15.0) and all(10 <= wait <= 15 for wait in waits)
    assert max(waits) - min(waits) > 3
