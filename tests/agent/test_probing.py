"""Whether a window PC reaches the centre: real ports, a program that logs in, a standby that says where to knock."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.agent import settings
from clients.agent.heart import Heart
from clients.agent.place import AgentMisuse
from clients.agent.probing import Prober, Probing, knocks, logs_in
from clients.sdk import YjClient
from tests.fixtures_door import until

WELL, BADLY = (sys.executable, "-c", "pass"), (sys.executable, "-c", "raise SystemExit(1)")


@pytest.fixture
def port() -> Iterator[socket.socket]:
    """A centre's port; the kernel answers as long as it listens, also where nobody accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server


def at(server: socket.socket) -> tuple[str, int]:
    host, number = server.getsockname()[:2]
    return str(host), int(number)


def test_a_port_that_is_shut_and_a_program_that_fails_or_hangs_are_no(port: socket.socket) -> None:
    place = at(port)
    assert knocks(place) and logs_in(WELL) and not logs_in(BADLY) and not logs_in(("no-such-program",))
    begun = time.monotonic()
    assert not logs_in((sys.executable, "-c", "import time; time.sleep(60)"), seconds=0.5)
    assert time.monotonic() - begun < 20
    port.close()
    assert not knocks(place)


def test_the_standby_says_where_to_knock_and_the_file_counts_before_it(port: socket.socket) -> None:
    host, number = at(port)
    prober = Prober(Probing())
    prober.look()
    assert prober.reaches is None  # nowhere to knock: this PC cannot tell
    prober.told({"centre": {"host": host, "port": number}})
    prober.look()
    assert prober.reaches is True
    prober.told({"epoch": 1})  # a standby that says nothing of it any more
    prober.look()
    assert prober.reaches is None
    own = Prober(Probing((host, number)))
    own.told({"centre": {"host": "127.0.0.1", "port": 1}})
    own.look()
    assert own.reaches is True


def test_a_dead_database_behind_a_port_is_told_by_the_login_alone(port: socket.socket) -> None:
    for login, found in ((WELL, True), (BADLY, False)):
        prober = Prober(Probing(at(port), login))
        prober.look()
        assert prober.reaches is found


def test_an_answer_that_nobody_renewed_is_no_answer(port: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    prober = Prober(Probing(at(port)))
    prober.look()
    assert prober.reaches is True
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert prober.reaches is None


class Said(YjClient):
    """A client whose standby takes every heartbeat and says where to knock."""

    def __init__(self, place: tuple[str, int]) -> None:
        super().__init__("http://127.0.0.1:1", "W1", patience=0)
        self.place, self.said = place, list[Any]()

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        self.said.append(body["central_ok"])
        return {"centre": {"host": self.place[0], "port": self.place[1]}}


def test_a_wire_that_is_cut_is_said_at_once_and_not_with_the_next_heartbeat(port: socket.socket) -> None:
    client, stop = Said(at(port)), threading.Event()
    heart = Heart(client, "yjw_x", "cashier", "1", every=lambda: 600.0)
    prober = Prober(Probing(), heart.wake, every=lambda: 0.2)
    heart.answered, heart.reaches = prober.told, lambda: prober.reaches
    threads = [threading.Thread(target=one.run, args=(stop,), daemon=True) for one in (heart, prober)]
    for thread in threads:
        thread.start()
    try:
        heart.told({"epoch": 1})
        until(lambda: client.said[-1:] == [True])
        port.close()
        until(lambda: client.said[-1:] == [False])
    finally:
        stop.set()
        heart.wake()
        prober.wake()
        for thread in threads:
            thread.join(20)
        client.close()
    assert client.said == [None, True, False]


def test_everything_wrong_with_the_look_at_the_centre_is_said(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('[centre]\nhost = "a"\nlogin = "sqlcmd"\ncolour = 1\n', encoding="utf-8")
    with pytest.raises(AgentMisuse) as refused:
        settings.load(file)
    for word in ("colour", "port (a number)", "login is a program"):
        assert word in str(refused.value)
    file.write_text('[centre]\nlogin = ["sqlcmd", "-Q", "select 1"]\n', encoding="utf-8")
    assert settings.load(file).centre == Probing(None, ("sqlcmd", "-Q", "select 1"))
