"""A window PC with a screen: the agent as a process, the door with TLS, and the system's Chromium."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients.agent import processes, running
from clients.agent.place import Place
from fallback_server.domain.modes import Permit
from fallback_server.store.mode_switch import begin_return, release
from fallback_server.store.session import Actor
from tests.fixtures_browser import Standby, free_port
from tests.fixtures_door import DoorThread, until

MZXT = "; 门诊\r\n[database]\r\nservername=HISSERVER\r\n".encode("gbk")
ADMIN = Actor("0801", "管理", frozenset({"admin"}))
pytestmark = pytest.mark.browser


class Agent:
    """The process on the window PC, which can be killed and started again."""

    def __init__(self, folder: Path, screen: str) -> None:
        self.place = Place(folder)
        self._environment = {**os.environ, "DISPLAY": screen}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "clients.agent",
            "--folder",
            str(self.place.folder),
            "run",
            "--role",
            "cashier",
        ]
        self._process = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)

    def stop(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(30)

    def page(self) -> dict[str, Any] | None:
        """What the agent remembers of the page's browser."""
        done = self.place.state().get("done", {})
        return done.get("page")


@pytest.fixture
def agent(standby: Standby, screen: str, tmp_path: Path) -> Iterator[tuple[Agent, Path, int]]:
    """An enrolled agent that is not running yet, its HIS client's file, and the port at which Chromium can be asked."""
    door = DoorThread(standby.url, tmp_path / "door").open()
    one, file, port = Agent(tmp_path / "agent", screen), tmp_path / "mzxt.ini", free_port()
    file.write_bytes(MZXT)
    code = standby.hospital.window("admin").post("/workstations/code", {"workstation": "W0201"}).json["code"]
    running.enrol(one.place, door.https, code, door.ca)
    arguments = ["--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", f"--remote-debugging-port={port}"]
    one.place.configuration.write_text(
        f"leave_seconds = 0\n[[action]]\nkind = 'ini'\nfile = '{file}'\nsection = 'database'\nkey = 'servername'\n"
        f"value = '10.1.1.9'\n[[action]]\nkind = 'page'\narguments = {arguments}\n",
        encoding="utf-8",
    )
    one.start()
    yield one, file, port
    one.stop(signal.SIGKILL)
    if left := one.page():
        processes.end(left)
    door.close()


def addresses(port: int) -> list[str]:
    """What Chromium shows; nothing while there is none."""
    try:
        shown = httpx.get(f"http://127.0.0.1:{port}/json", trust_env=False).json()
    except httpx.HTTPError:
        return []
    return [one["url"] for one in shown if one["type"] == "page"]


def known(standby: Standby) -> dict[str, Any]:
    items = standby.hospital.window("duty").get("/workstations").json["items"]
    return next((one for one in items if one["code"] == "W0201"), {})


@pytest.mark.slow
def test_the_screen_changes_to_the_page_and_back_whatever_becomes_of_the_agent(
    standby: Standby, agent: tuple[Agent, Path, int]
) -> None:
    one, file, port = agent
    until(lambda: known(standby).get("acknowledged"), 60)
    assert one.page() is None and file.read_bytes() == MZXT

    standby.hospital.emergency()
    until(lambda: known(standby).get("epoch") == 1, 60)
    until(lambda: any("/login?workstation=W0201" in url for url in addresses(port)), 60)
    assert b"servername=10.1.1.9\r\n" in file.read_bytes()

    before = one.page()
    one.stop(signal.SIGKILL)  # the page stays, and the next agent knows it again
    one.start()
    with standby.hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        begin_return(tx, upload=False, grace_seconds=120, hold_seconds=120)
    until(lambda: known(standby).get("epoch") == 2, 60)
    assert one.page() == before and processes.alive(before or {})

    with standby.hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        release(tx, "over")
    until(lambda: one.page() is None, 60)
    until(lambda: file.read_bytes() == MZXT, 60)  # given back after the page is gone
    assert addresses(port) == []
    assert one.stop(signal.SIGTERM) == 0
