"""Printing by the agent: taken once, handed to a printer's command as a PDF, told how it went; never silently twice."""

from __future__ import annotations

import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.agent import printing, running, settings
from clients.agent.following import Follower
from clients.agent.heart import Heart
from clients.agent.place import AgentMisuse, AgentTrouble, Place
from clients.sdk import YjClient
from fallback_server.web import authority
from fallback_server.web.behind import behind_door
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_door import SECRET, DoorThread, until
from tests.windows.money_cast import charge, items

pytestmark = pytest.mark.browser
PRINTER = f"""#!{sys.executable}
import json, pathlib, shutil, sys
kind, *words = sys.argv[1:]
if words[0] == "BROKEN":
    sys.exit("out of paper")
folder = pathlib.Path(__file__).parent
number = len(list(folder.glob("*.json")))
shutil.copy(words[-1], folder / f"{{number}}.pdf")
(folder / f"{{number}}.json").write_text(json.dumps([kind, *words[:-1]]))
"""


class Pc:
    """A window PC: an enrolled agent whose printers are files in a folder."""

    def __init__(self, folder: Path, standby: Standby, door: DoorThread) -> None:
        self.place, self.standby, self.door = Place(folder / "agent"), standby, door
        self.out = folder / "printed"
        self.out.mkdir()
        program = self.out / "printer"
        program.write_text(PRINTER, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.place.folder.mkdir(parents=True, exist_ok=True)
        command = f"['{program}', '{{kind}}', '{{printer}}', '{{copies}}', ['{{tray}}'], '{{pdf}}']"
        self.place.configuration.write_text(
            f"[printing]\ncommand = {command}\narguments = ['--no-sandbox']\n", encoding="utf-8"
        )
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._clients: list[YjClient] = []

    def enrol(self) -> None:
        """By the code alone."""
        admin = self.standby.hospital.window("admin")
        code = admin.post("/workstations/code", {"workstation": "W0201"}).json["code"]
        running.enrol(self.place, self.door.https, code, None)

    def live(self) -> None:
        """As `running.run` does, in this process."""
        enrolled = self.place.enrolled()
        assert enrolled is not None
        speaker = running.Speaker(enrolled.server, "W0201", self.place.ca)
        chosen = settings.load(self.place.configuration)
        self._clients = [speaker.client(), speaker.client()]
        heart = Heart(self._clients[0], enrolled.token, "cashier", "1", every=lambda: 1.0)
        prints = printing.Printing(self._clients[1], enrolled.token, chosen.printing, self.place.folder)
        follower = Follower(speaker.server, self.place.ca, heart.told, self._stop, workstation="W0201")
        follower.rung, heart.answered = prints.wake, prints.heard
        prints.listening = lambda: follower.listening
        for part in (heart, prints):
            self._threads.append(threading.Thread(target=part.run, args=(self._stop,), daemon=True))
        self._threads.append(threading.Thread(target=follower.run, daemon=True))
        for thread in self._threads:
            thread.start()
        self._parts = (heart, prints)

    def die(self) -> None:
        self._stop.set()
        for part in getattr(self, "_parts", ()):
            part.wake()
        for thread in self._threads[:2]:
            thread.join(30)
        for client in self._clients:
            client.close()

    def printed(self) -> list[Any]:
        """What came out: the words of the command, and that it is a PDF."""
        import json

        found = sorted(self.out.glob("*.json"))
        assert all((one.with_suffix(".pdf")).read_bytes().startswith(b"%PDF") for one in found)
        return [json.loads(one.read_text(encoding="utf-8")) for one in found]


@pytest.fixture
def pc(standby: Standby, tmp_path: Path) -> Iterator[Pc]:
    standby.app.wsgi_app = behind_door(standby.app.wsgi_app, SECRET)  # type: ignore[method-assign]
    door = DoorThread(standby.url, tmp_path / "door").open()
    authority.install(standby.app, door.ca, None)
    one = Pc(tmp_path, standby, door)
    yield one
    one.die()
    door.close()


def table(standby: Standby, *printers: dict[str, Any]) -> None:
    body = {"workstation": "W0201", "window": "一楼收费", "role": "cashier", "printers": list(printers)}
    assert standby.hospital.window("admin").post("/workstations/table/entry", body).status == 200


def agent_row(standby: Standby) -> dict[str, Any]:
    items = standby.hospital.window("duty").get("/workstations").json["items"]
    return next((one for one in items if one["code"] == "W0201"), {})


def test_the_code_alone_brings_the_authority_and_another_standby_is_refused(
    pc: Pc, standby: Standby, tmp_path: Path
) -> None:
    other = DoorThread(standby.url, tmp_path / "other").open()
    admin = standby.hospital.window("admin")
    code = admin.post("/workstations/code", {"workstation": "W0201"}).json["code"]
    try:
        authority.install(standby.app, other.ca, None)  # somebody answers at this address with an authority of his own
        with pytest.raises(AgentTrouble, match="Not the standby that gave this code"):
            running.enrol(Place(tmp_path / "x"), other.https, code, None)
        assert not (tmp_path / "x").exists()
        authority.install(standby.app, pc.door.ca, None)
        with pytest.raises(AgentMisuse, match="the code is a short one"):
            running.enrol(Place(tmp_path / "x"), pc.door.https, code[:19], None)
        enrolled = running.enrol(Place(tmp_path / "x"), pc.door.https, code.lower(), None)
    finally:
        other.close()
    assert enrolled.workstation == "W0201"
    assert (tmp_path / "x/ca.crt").read_bytes() == pc.door.ca.read_bytes()


def test_a_test_page_comes_out_of_each_printer_and_the_table_knows(pc: Pc, standby: Standby) -> None:
    table(
        standby,
        {"kind": "receipt", "printer": "LQ-630K", "offset_x_mm": 1.5, "copies": 2},
        {"kind": "registration", "printer": "BROKEN"},
    )
    pc.enrol()
    told = {one["kind"]: one for one in running.test_printers(pc.place)}
    assert told["receipt"]["ok"] and "out of paper" in told["registration"]["detail"]
    assert pc.printed() == [["receipt", "LQ-630K", "2"]]
    tests = standby.hospital.window("admin").get("/workstations/table").json["tests"]
    assert {one["kind"]: one["test_ok"] for one in tests} == {"receipt": True, "registration": False}
    assert list((pc.place.folder).glob("print-*/*.html")) == []  # nothing of a patient stays behind


def test_a_receipt_comes_out_of_the_printer_of_the_table_without_a_dialogue(
    pc: Pc, standby: Standby, desk: Callable[..., Desk]
) -> None:
    table(standby, {"kind": "*", "printer": "LQ-630K", "tray": "back"})
    pc.enrol()
    pc.live()
    until(lambda: agent_row(standby).get("agent_live"), 60)
    standby.hospital.emergency()
    made = charge(standby.hospital.window("cashier"), items(("F001", 1))).json
    page = desk("cashier", "/billing", station="W0201").page
    path = f"/print/receipt/{made['id']}"
    page.route("**/prints/silent/*", lambda route: route.abort(), times=1)  # one question lost on the way is no trouble
    assert page.evaluate(PRINT, path) == 0
    assert pc.printed() == [["receipt", "LQ-630K", "1", "back"]]
    pc.die()  # taken by nobody: the browser prints, and soon
    assert page.evaluate(PRINT, path) == 1
    assert len(pc.printed()) == 1


# Ask the page's own script to print, and count what the browser was asked for.
PRINT = """async (path) => {
  let asked = 0;
  const base = document.querySelector('script[src*="/js/"]').src.split("/js/")[0];
  const { printed } = await import(`${base}/js/kernel/print.js`);
  const hush = (node) => { node.contentWindow.print = () => {}; };
  const quiet = (node) => node.addEventListener("load", () => hush(node), { capture: true });
  new MutationObserver((found) => {
    const papers = found.flatMap((one) => [...one.addedNodes]).filter((node) => node.id === "paper");
    asked += papers.length;
    papers.forEach(quiet);
  }).observe(document.body, { childList: true });
  await printed(path);
  return asked;
}"""
