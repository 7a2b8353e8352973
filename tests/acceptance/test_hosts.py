"""Standby, centre and twelve workstations as separate hosts: cables are pulled in every order, clocks disagree, lines
are slow, stall and break; every document that a window was told of arrives at the centre once."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clients.console.demo.cast import Login, new_admins, read_logins
from clients.console.demo.check import check, outbox_rows
from clients.console.demo.journal import Journal
from clients.console.demo.stage import Stage
from clients.sdk import YjClient
from fallback_server.domain.clock import SystemClock
from sync.reference_his.create import create_reference
from sync.reference_his.postgres import EmbeddedPostgres
from tests.acceptance.hosts import Cable, Host, Network, not_here, until

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900)]

CREW = {"cashier": 8, "registrar": 4}  # one at each window
WINDOWS = 12
DOOR, BAD_DOOR = 31_443, 31_444  # the second leads to the first through a bad cable
CENTRE_PORT = 5432
STANDBY_FAST = 70  # the standby's clock is ahead of the centre's: warned of, not refused
WRONG_CLOCKS = (-3600, -200, -45, 0, 45, 200, 3600)  # seconds by which a window PC's clock is wrong
OFF = 0.4  # seconds a cable is out: longer than a packet, shorter than anybody's patience
# Every child of the standby finds this first on its path: that machine's clock is wrong.
CLOCK = """
import os
from datetime import timedelta
from fallback_server.domain import clock
real = clock.SystemClock.now
clock.SystemClock.now = lambda self: real(self) + timedelta(seconds=int(os.environ["WRONG_BY"]))
"""
SETTINGS = {
    "windows": {"hospital_name": "网线医院"},
    "rules": {"grace_seconds": 5},
    "upload": {"return_hold": 600, "lease_seconds": 6, "heartbeat_seconds": 2, "retry_first_seconds": 1},
}


class HostStage(Stage):
    """The stage of the demo with the standby on a host of its own."""

    def __init__(self, home: Path, host: Host) -> None:
        super().__init__(home, DOOR)
        self.host = host
        folder = home / "clock"
        folder.mkdir(parents=True)
        (folder / "sitecustomize.py").write_text(CLOCK, encoding="utf-8")
        self.env = {"PYTHONPATH": os.pathsep.join([str(folder), str(Path.cwd())]), "WRONG_BY": str(STANDBY_FAST)}

    def _yj(self) -> list[str]:
        environment = [f"{name}={value}" for name, value in self.env.items()]
        return self.host.command("env", *environment, *super()._yj())

    def make(self, admins: tuple[Login, Login], server: EmbeddedPostgres, centre: str) -> None:
        """The instance; it knows the centre by the address on the cable."""
        self._centre = server
        self.make_instance(admins, SETTINGS)
        (self.home / "secrets" / "centre").write_text(centre, encoding="utf-8")

    def run(self) -> None:
        """`yj up`, for windows on other hosts."""
        command = [*self._yj(), "up", "--supervised", "--host", self.host.address, "--port", str(DOOR)]
        log = self.home / "logs" / "up.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            up = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stream, stderr=stream, text=True)
        self.host.network.processes.append(up)


@dataclass
class Window:
    """A workstation and the person at it."""

    host: Host
    process: subprocess.Popen[str]
    station: str
    shift: int
    last: dict[str, Any] = field(default_factory=dict)

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for what became of the last word."""
        assert self.process.stdout is not None
        self.last = json.loads(self.process.stdout.readline())
        assert "broken" not in self.last, (self.station, self.last["broken"])
        return self.last


@dataclass
class Town:
    """Everything, as the test speaks of it."""

    network: Network
    centre: Host
    standby: Host
    stage: HostStage
    to_centre: Cable
    to_door: Cable
    windows: list[Window]
    admins: tuple[Login, Login]
    console: YjClient
    centre_url: str

    def roll(self) -> dict[str, dict[str, Any]]:
        """The roll call by workstation."""
        items = self.console.get("/workstations")["items"]
        return {one["code"]: one for one in items if one["code"].startswith("W")}

    def acknowledged(self, *but: Window) -> bool:
        """Whether every workstation but these knows the present epoch."""
        absent = {one.station for one in but}
        roll = self.roll()
        return all(roll[one.station]["acknowledged"] for one in self.windows if one.station not in absent)

    def all(self, word: str) -> None:
        """Everybody does this, at once."""
        for one in self.windows:
            one.tell(word)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    if reason := not_here():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("town")
    network, server = Network(), EmbeddedPostgres(folder / "centre", durable=False)
    with ExitStack() as stack:
        stack.callback(server.destroy)
        stack.callback(network.close)
        yield _built(network, folder, server, stack)


def _built(network: Network, folder: Path, server: EmbeddedPostgres, stack: ExitStack) -> Town:
    network.open()
    centre, standby, office = (network.host(name, n) for n, name in enumerate(("centre", "standby", "office"), 2))
    stage = HostStage(folder / "home", standby)
    create_reference(server.start(), "clinic", seed=3, logins=stage.logins)
    server.stop()
    python = sys.executable
    his = centre.spawn(
        python, "-m", "clients.console", "reference", "serve", "--dir", str(folder / "centre"), stdout=subprocess.PIPE
    )
    assert his.stdout is not None
    url = json.loads(his.stdout.readline())["url"]
    inner = f"127.0.0.1:{server.port}"
    to_centre = Cable(network, f"{centre.address}:{CENTRE_PORT}", inner, on=centre)
    admins = new_admins()
    stage.make(admins, server, url.replace(inner, f"{centre.address}:{CENTRE_PORT}"))
    stage.run()
    door = f"{standby.address}:{DOOR}"
    to_door = Cable(network, f"{standby.address}:{BAD_DOOR}", door, on=standby)
    desk = Cable(network, "127.0.0.1:0", door, into=office)
    his_own = Cable(network, "127.0.0.1:0", inner, into=centre)
    until(stage.ca.exists)
    console = YjClient(f"https://127.0.0.1:{desk.port}", "CONSOLE", patience=20, ca=stage.ca)
    stack.callback(console.close)
    until(console.alive)
    console.log_in(admins[0].person)
    job = console.run_mirror({})
    done = until(lambda: (found := console.job(job["id"]))["state"] in ("done", "failed") and found, 90)
    assert (done["result"] or {}).get("state") == "published", done
    known = read_logins(stage.logins)
    people = [one for role, some in CREW.items() for one in [one for one in known if one.roles == (role,)][:some]]
    windows = [_window(network, stage, console, n, people[n]) for n in range(WINDOWS)]
    own_url = url.replace(inner, f"127.0.0.1:{his_own.port}")
    town = Town(network, centre, standby, stage, to_centre, to_door, windows, admins, console, own_url)
    for one in windows:
        assert one.process.stdout is not None and one.process.stdout.readline().strip() == "enrolled"
    until(lambda: len(town.roll()) == WINDOWS)
    return town


def _window(network: Network, stage: HostStage, console: YjClient, number: int, who: Login) -> Window:
    """A workstation; every other one reaches the door through the bad cable."""
    host, station = network.host(f"w{number}", 11 + number), f"W{number:02d}"
    code = console.post("/workstations/code", {"workstation": station})["code"]
    folder, shift = stage.home / station, WRONG_CLOCKS[number % len(WRONG_CLOCKS)]
    process = host.spawn(
        sys.executable, "-m", "tests.acceptance.workstation",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, log=stage.home / f"{station}.log",
    )  # fmt: skip
    plan = {
        "server": f"https://{stage.host.address}:{BAD_DOOR if number % 2 else DOOR}", "ca": str(stage.ca),
        "code": code, "station": station, "role": who.roles[0],
        "operator": who.code, "password": who.password, "folder": str(folder), "shift": shift, "seed": number,
    }  # fmt: skip
    window = Window(host, process, station, shift)
    window.tell(json.dumps(plan))
    return window


def test_whatever_cable_is_pulled_every_document_arrives_once(town: Town) -> None:
    late = town.windows[-1]
    town.centre.cut()
    late.host.cut()
    number = _switch_on(town, late)
    _work_while_cables_are_pulled(town, late)
    lost = town.windows[0]
    _way_back(town, number, lost)
    _late_window_is_harmless(town, lost)
    job = town.console.reconcile(number)
    until(lambda: town.console.job(job["id"])["state"] == "done", 60)
    account = town.console.reconciliation(number)
    assert account["balanced"] is True, account["differences"]
    _everything_arrived_once(town)


def _switch_on(town: Town, late: Window) -> int:
    """The switch, told to all whose cable is in; whoever was cut off hears of it with the cable."""
    state = town.console.switch_on("server", "中心不通")
    until(lambda: town.acknowledged(late), 30)
    assert not town.roll()[late.station]["acknowledged"]
    late.host.restore()
    until(town.acknowledged, 60)
    roll = town.roll()
    for one in town.windows:  # each clock against the standby's, which is wrong itself
        assert abs(roll[one.station]["clock_offset_seconds"] - (one.shift - STANDBY_FAST)) < 30
    return int(state["incident_no"])


def _work_while_cables_are_pulled(town: Town, late: Window) -> None:
    town.all("begin")
    for one in town.windows:
        one.answer()
    town.to_door.tell("stall")
    town.all("work 5")
    time.sleep(3.0)
    town.to_door.tell("reset")  # whoever is behind the bad cable has an act in hand that was never answered
    town.to_door.tell("delay 0.05")
    town.to_door.tell("go")
    for one in town.windows:  # one by one, while all of them work
        one.host.cut()
        time.sleep(OFF)
        one.host.restore()
    town.to_door.tell("reset")
    town.to_door.tell("delay 0")
    town.all("work 4")
    hosts = (town.centre, town.standby, late.host)
    for order in itertools.permutations(hosts):  # whoever comes back first
        for host in hosts:
            host.cut()
        for host in order:
            time.sleep(OFF / 2)
            host.restore()
    town.centre.cut()
    town.all("close")
    for one in town.windows * 3:
        assert one.answer()["refused"] == []
    assert sum(one.last["sent_again"] for one in town.windows) > 0  # it was felt


def _way_back(town: Town, number: int, lost: Window) -> None:
    """Switched back while the centre is cut off again and one window too; the line to the centre breaks on the way."""
    lost.host.cut()
    town.console.switch_back(town.admins[1].person, upload=True)
    until(lambda: town.acknowledged(lost), 30)
    time.sleep(2.0)
    assert town.console.upload_state(number)["confirmed"] == 0
    town.to_centre.tell("delay 0.002")
    town.centre.restore()
    town.to_centre.tell("reset")  # what hung in the cut cable
    _uploaded(town, number, 20)
    town.to_centre.tell("reset")
    _uploaded(town, number, 60)
    town.to_centre.tell("stall")
    time.sleep(1.5)
    town.to_centre.tell("go")
    town.centre.cut()
    time.sleep(OFF)
    town.centre.restore()
    town.to_centre.tell("delay 0")
    _uploaded(town, number, None)
    until(lambda: town.console.mode()["mode"] == "normal", 60)


def _uploaded(town: Town, number: int, documents: int | None) -> None:
    """Until so many are confirmed (None: all), asked for again where a run has ended, as IT on duty would."""
    deadline, before = time.monotonic() + 90, None
    while time.monotonic() < deadline:
        state = town.console.upload_state(number)
        if state["clean"] == 0 or (documents is not None and state["confirmed"] >= documents):
            assert state["states"].get("conflict", 0) == 0
            return
        run = state["run"]
        if run and run["state"] != "running" and run["id"] != before:
            before = run["id"]
            town.console.upload(number)
        time.sleep(0.2)
    raise AssertionError(f"the upload does not end: {state}")


def _late_window_is_harmless(town: Town, lost: Window) -> None:
    """It comes back hours later, so to say, and knows nothing: its act is refused in words, then it knows."""
    lost.tell("try")
    lost.host.restore()
    assert [one["code"] for one in lost.answer()["refused"]] == ["mode_normal"]
    until(town.acknowledged, 60)


def _everything_arrived_once(town: Town) -> None:
    journal = Journal()
    for window in town.windows:
        for one in window.last["documents"]:
            journal.add(one["yj_id"], one["entity"], one["amount"], one["receipt_no"])
    rows = outbox_rows(f"sqlite:///{town.stage.home}/yj.db", SystemClock())
    verdict = check(journal, rows, town.centre_url)
    assert verdict.problems == []
    assert verdict.documents >= WINDOWS * 9 * 3 and verdict.settled == 0
