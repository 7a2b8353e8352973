"""`yj up` as a real process: parts that die come back, and nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clients.console.locks import holder
from clients.console.main import main
from clients.console.serving import DOOR_PORTS, free_port
from clients.sdk import YjClient

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")]
ADMINS = [{"operator": f"A0{n}", "name": "王敏", "password": "apple7tree"} for n in (1, 2)]


def until(what: Callable[[], object], seconds: float = 30) -> object:
    """Wait for something true; what it was."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"


class Standby:
    """One `yj up`."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port(DOOR_PORTS)
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "clients.console", "--home", str(home),
                "up", "--host", "127.0.0.1", "--port", str(self.port),
            ],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def part(self, name: str) -> int | None:
        return holder(self.home, name)

    def parts(self) -> list[int]:
        """All parts, as soon as they run and the server answers."""
        with YjClient(f"http://127.0.0.1:{self.port}", "test", patience=0) as window:
            until(window.alive, 90)
        return [int(str(until(lambda name=name: self.part(name)))) for name in ("serve", "worker", "door")]  # type: ignore[misc]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def standby(tmp_path: Path) -> Iterator[Standby]:
    (tmp_path / "admins.json").write_text(json.dumps(ADMINS), encoding="utf-8")
    assert main(["init", "--home", str(tmp_path / "home"), "--admins", str(tmp_path / "admins.json")]) == 0
    running = Standby(tmp_path / "home")
    try:
        yield running
    finally:
        running.end()


def test_a_part_that_dies_is_started_again(standby: Standby) -> None:
    server, worker, door = standby.parts()
    for part in (server, worker, door):
        os.kill(part, signal.SIGKILL)
    until(lambda: standby.part("serve") not in (None, server), 90)
    until(lambda: standby.part("worker") not in (None, worker), 90)
    until(lambda: standby.part("door") not in (None, door), 90)
    standby.parts()
    with YjClient(f"https://127.0.0.1:{standby.port}", "test", ca=standby.home / "certificates/ca.crt") as window:
        assert window.mode()["mode"] == "normal"


def test_sigterm_stops_everything_cleanly(standby: Standby) -> None:
    assert standby.process.stdout is not None
    assert f"http://127.0.0.1:{standby.port}" in standby.process.stdout.readline()
    parts = standby.parts()
    standby.process.terminate()
    assert standby.process.wait(30) == 0
    assert not any(alive(pid) for pid in parts)


def test_nothing_outlives_a_killed_supervisor(standby: Standby) -> None:
    parts = standby.parts()
    standby.process.kill()
    standby.process.wait(30)
    until(lambda: not any(alive(pid) for pid in parts))


def test_a_port_that_is_taken_is_said_at_once(standby: Standby, capsys: pytest.CaptureFixture[str]) -> None:
    standby.parts()
    assert main(["--home", str(standby.home), "up", "--host", "127.0.0.1", "--port", str(standby.port)]) == 1
    assert "--port" in capsys.readouterr().err


def test_a_second_one_of_the_same_instance_is_refused(standby: Standby, capsys: pytest.CaptureFixture[str]) -> None:
    standby.parts()
    assert main(["--home", str(standby.home), "up", "--port", str(free_port(DOOR_PORTS))]) == 1
    assert "runs already" in capsys.readouterr().err
