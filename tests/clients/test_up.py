"""`yj up` as a real process: parts that die come back, and nothing outlives it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.console.main import main
from clients.console.serving import DOOR_PORTS, free_port
from clients.sdk import YjClient
from tests.fixtures_door import until
from tests.fixtures_up import PARTS, Up

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")]
ADMINS = [{"operator": f"A0{n}", "name": "王敏", "password": "apple7tree"} for n in (1, 2)]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def standby(tmp_path: Path) -> Iterator[Up]:
    (tmp_path / "admins.json").write_text(json.dumps(ADMINS), encoding="utf-8")
    assert main(["init", "--home", str(tmp_path / "home"), "--admins", str(tmp_path / "admins.json")]) == 0
    running = Up(tmp_path / "home")
    try:
        yield running
    finally:
        running.end()


def test_a_part_that_dies_is_started_again(standby: Up) -> None:
    server, worker, door = standby.parts()
    for name in PARTS:
        standby.kill(name)
    for name, pid in zip(PARTS, (server, worker, door), strict=True):
        standby.another(name, pid)
    standby.parts()
    with YjClient(standby.https, "test", ca=standby.home / "certificates/ca.crt") as window:
        assert window.mode()["mode"] == "normal"


def server_of_a_code(home: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Where an agent that is enrolled now is told to find the standby."""
    (home.parent / "words.json").write_text(json.dumps({"A01": "apple7tree"}), encoding="utf-8")
    capsys.readouterr()
    words = ["code", "W0201", "--operator", "A01", "--password-file", str(home.parent / "words.json"), "--json"]
    assert main(["--home", str(home), "workstation", *words]) == 0
    return str(json.loads(capsys.readouterr().out)["server"])


def test_sigterm_stops_everything_cleanly(standby: Up, capsys: pytest.CaptureFixture[str]) -> None:
    assert standby.process.stdout is not None
    assert f"http://127.0.0.1:{standby.port}" in standby.process.stdout.readline()
    parts = standby.parts()
    assert server_of_a_code(standby.home, capsys).endswith(f":{standby.port}")  # not the port of yj.toml
    standby.process.terminate()
    assert standby.process.wait(30) == 0
    assert not any(alive(pid) for pid in parts)
    assert server_of_a_code(standby.home, capsys).endswith(":8765")


def test_nothing_outlives_a_killed_supervisor(standby: Up) -> None:
    parts = standby.parts()
    standby.process.kill()
    standby.process.wait(30)
    until(lambda: not any(alive(pid) for pid in parts))


def test_a_port_that_is_taken_is_said_at_once(standby: Up, capsys: pytest.CaptureFixture[str]) -> None:
    standby.parts()
    assert main(["--home", str(standby.home), "up", "--host", "127.0.0.1", "--port", str(standby.port)]) == 1
    assert "--port" in capsys.readouterr().err


def test_a_second_one_of_the_same_instance_is_refused(standby: Up, capsys: pytest.CaptureFixture[str]) -> None:
    standby.parts()
    assert main(["--home", str(standby.home), "up", "--port", str(free_port(DOOR_PORTS))]) == 1
    assert "runs already" in capsys.readouterr().err
