"""The agent on a window PC: it hears of the switch through the door, does what its file says, and undoes it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clients.agent import actions, ini, processes, running, settings
from clients.agent.following import Follower, events
from clients.agent.place import AgentMisuse, Enrolled, Place
from clients.agent.switching import Switcher
from fallback_server.domain.clock import SystemClock
from fallback_server.door import certificates
from tests.fixtures_door import DoorThread, Inner, in_front_of_inner, until

MZXT = "[database]\r\nservername=HISSERVER\r\nuser=门诊\r\n".encode("gbk")
NORMAL = {"mode": "normal", "epoch": 1, "drill": False, "scope": None, "incident_no": None}
EMERGENCY = {**NORMAL, "mode": "emergency", "epoch": 2, "incident_no": 1}
RETURNING = {**EMERGENCY, "mode": "returning", "epoch": 3}


@dataclass
class Noted:
    """An action that writes down what is asked of it."""

    name: str
    asked: list[str]
    drill: bool = False
    broken: bool = False
    notes: list[Any] = field(default_factory=list)

    def enter(self, memory: Any, remember: Callable[[Any], None], mode: Any) -> None:
        if self.broken:
            raise actions.ActionFailed("not today")
        if memory is None:
            remember({})
            self.asked.append(f"+{self.name}")

    def leave(self, memory: Any) -> None:
        self.asked.append(f"-{self.name}")


def switcher(folder: Path, *todo: Any, departments: tuple[str, ...] = (), leave: float = 0) -> Switcher:
    return Switcher(Place(folder), todo, departments, leave)


def told(one: Switcher, *modes: dict[str, Any]) -> None:
    for mode in modes:
        one.told(mode)
        one.look()


def test_the_his_is_given_back_with_the_release_and_in_the_other_order(tmp_path: Path) -> None:
    asked: list[str] = []
    one = switcher(tmp_path, Noted("program", asked), Noted("ini", asked))
    told(one, NORMAL, EMERGENCY, EMERGENCY, RETURNING)
    assert asked == ["+program", "+ini"]  # the page holds the document in hand
    told(one, NORMAL, NORMAL)
    assert asked == ["+program", "+ini", "-ini", "-program"]


def test_an_agent_started_anew_goes_on_where_the_one_before_was(tmp_path: Path) -> None:
    asked: list[str] = []
    told(switcher(tmp_path, Noted("ini", asked)), EMERGENCY)
    again = switcher(tmp_path, Noted("ini", asked))
    again.look()  # the standby is silent: nothing is undone on a guess
    told(again, EMERGENCY)
    assert asked == ["+ini"]
    told(switcher(tmp_path, Noted("ini", asked)), NORMAL)
    assert asked == ["+ini", "-ini"]


def test_one_action_that_fails_holds_up_no_other_and_is_tried_again(tmp_path: Path) -> None:
    asked: list[str] = []
    bad = Noted("bad", asked, broken=True)
    one = switcher(tmp_path, bad, Noted("good", asked))
    told(one, EMERGENCY)
    assert asked == ["+good"]
    bad.broken = False
    told(one, EMERGENCY)
    assert asked == ["+good", "+bad"]


def test_a_drill_takes_no_real_his_away(tmp_path: Path) -> None:
    asked: list[str] = []
    told(switcher(tmp_path, Noted("ini", asked), Noted("page", asked, drill=True)), {**EMERGENCY, "drill": True})
    assert asked == ["+page"]


@pytest.mark.parametrize(("mine", "switched"), [((), True), (("0101",), True), (("0202",), False)])
def test_a_part_of_the_hospital_in_yj_concerns_who_serves_it(
    tmp_path: Path, mine: tuple[str, ...], switched: bool
) -> None:
    asked: list[str] = []
    told(switcher(tmp_path, Noted("page", asked), departments=mine), {**EMERGENCY, "scope": ["0101"]})
    assert bool(asked) is switched


def test_a_second_outage_before_the_page_is_closed_keeps_it(tmp_path: Path) -> None:
    asked: list[str] = []
    one = switcher(tmp_path, Noted("page", asked), leave=60)
    told(one, EMERGENCY, NORMAL, {**EMERGENCY, "epoch": 4, "incident_no": 2})
    assert asked == ["+page"]


# -- the actions -------------------------------------------------------------------------------------------------------


def ini_action(file: Path, original: str | None = None) -> actions.Ini:
    return actions.Ini("ini", file, ini.Wanted("database", "servername"), "10.1.1.9", original)


def test_the_servers_name_is_set_again_after_an_update_and_comes_back_exactly(tmp_path: Path) -> None:
    file = tmp_path / "mzxt.ini"
    file.write_bytes(MZXT)
    one = switcher(tmp_path / "agent", ini_action(file))
    told(one, EMERGENCY)
    assert b"servername=10.1.1.9\r\n" in file.read_bytes()
    file.write_bytes(MZXT)  # the vendor's updater came by
    told(one, EMERGENCY)
    assert b"servername=10.1.1.9\r\n" in file.read_bytes()
    told(switcher(tmp_path / "agent", ini_action(file)), NORMAL, NORMAL)
    assert file.read_bytes() == MZXT


def test_a_pc_whose_agent_lost_its_memory_is_given_back_by_the_centres_name(tmp_path: Path) -> None:
    file = tmp_path / "mzxt.ini"
    file.write_bytes(MZXT.replace(b"HISSERVER", b"10.1.1.9"))
    told(switcher(tmp_path / "agent", ini_action(file, "HISSERVER")), NORMAL)
    assert file.read_bytes() == MZXT


def test_the_his_client_is_stopped_and_started_again(tmp_path: Path) -> None:
    name = f"his{os.getpid()}"
    client = tmp_path / name
    client.symlink_to("/bin/sleep")
    mark = processes.start([str(client), "300"])
    program = actions.Program("HIS", name, (str(client), "300"))
    one = switcher(tmp_path / "agent", program)
    try:
        until(lambda: processes.named(name))
        told(one, EMERGENCY)
        assert not processes.alive(mark) and processes.named(name) == []
        told(one, NORMAL, NORMAL)
        assert len(until(lambda: processes.named(name))) == 1
    finally:
        for left in processes.named(name):
            processes.end(left)


# -- its file ----------------------------------------------------------------------------------------------------------


def test_everything_wrong_with_the_file_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    starting = 'kind = "program"\nprocess = "x"\nleaving = "start"'
    wrong = ('kind = "ini"\nfile = 7\nencoding = "gkb"', 'kind = "song"', starting)
    head = 'colour = 1\ndepartments = "NK"\nleave_seconds = -1\n'
    file.write_text(head + "".join(f"[[action]]\n{one}\n" for one in wrong), encoding="utf-8")
    with pytest.raises(AgentMisuse) as refused:
        settings.load(file)
    said = str(refused.value)
    for word in ("colour", "file must be str", "section is missing", "'song'", "command is missing", "'gkb'"):
        assert word in said
    assert "departments: a list" in said and "leave_seconds: a whole number" in said
    for head in ("departments = [1]", 'leave_seconds = "5"', "leave_seconds = true"):
        file.write_text(head, encoding="utf-8")
        with pytest.raises(AgentMisuse, match=head.partition(" ")[0]):
            settings.load(file)
    file.write_text('departments = ["NK"]\nleave_seconds = 0\n', encoding="utf-8")
    chosen = settings.load(file)
    assert (chosen.departments, chosen.leave_seconds) == (("NK",), 0)


# -- the wire ----------------------------------------------------------------------------------------------------------


def test_a_stream_is_read_as_browsers_read_it() -> None:
    lines = iter(["retry: 1", "", ": here", "", "id: 1", 'data: {"a":', "data: 1}", "", "event: away", "data: {}", ""])
    assert list(events(lines)) == [("message", '{"a":\n1}'), ("away", "{}")]


@pytest.fixture
def standby(tmp_path: Path) -> Iterator[tuple[Inner, DoorThread]]:
    with in_front_of_inner(tmp_path / "door") as both:
        yield both


def test_the_agent_hears_of_a_switch_at_once_and_after_a_restart_of_the_door(
    standby: tuple[Inner, DoorThread],
) -> None:
    inner, door = standby
    heard: list[int] = []
    stop = threading.Event()
    follower = Follower(door.https, door.ca, lambda mode: heard.append(mode["epoch"]), stop)
    thread = threading.Thread(target=follower.run, daemon=True)
    thread.start()
    try:
        until(lambda: 1 in heard)
        inner.mode = {**inner.mode, "epoch": 2}
        until(lambda: 2 in heard)
        door.close()
        inner.mode = {**inner.mode, "epoch": 3}
        door.open()
        until(lambda: 3 in heard)
    finally:
        stop.set()
        door.close()
        thread.join(30)


def test_a_standby_with_another_certificate_is_refused_in_words(
    standby: tuple[Inner, DoorThread], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, door = standby
    other = DoorThread("http://127.0.0.1:1", tmp_path / "other")
    heard: list[Any] = []
    stop = threading.Event()
    thread = threading.Thread(target=Follower(door.https, other.ca, heard.append, stop).run, daemon=True)
    thread.start()
    until(lambda: "not the pinned standby" in caplog.text)
    stop.set()
    thread.join(30)
    assert heard == []
    with pytest.raises(running.AgentTrouble, match="not the pinned standby"):
        running.enrol(Place(tmp_path / "agent"), door.https, "ABCD", other.ca)


def test_a_certificate_that_is_over_is_named_with_its_cure(
    standby: tuple[Inner, DoorThread], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inner, _ = standby
    now, theirs = SystemClock().now(), tmp_path / "theirs"
    certificates.ensure(theirs, ["127.0.0.1"], now - timedelta(days=500), "别的医院")
    shown = {"certificate": theirs / "server.crt", "key": theirs / "server.key"}
    keep = {"keep": lambda: certificates.require_time_left(theirs / "server.crt", now)}
    door = DoorThread(inner.url, tmp_path / "unused", **shown, **keep).open()
    with pytest.raises(running.AgentTrouble, match="yj certificate renew"):
        running.enrol(Place(tmp_path / "agent"), door.https, "ABCD", theirs / "ca.crt")
    until(lambda: "is over since" in caplog.text and "[server] certificate" in caplog.text)
    door.close()
    certificates.require_time_left(theirs / "server.crt", now - timedelta(days=450))


def test_https_without_the_pinned_authority_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(AgentMisuse, match="yj certificate export"):
        running.enrol(Place(tmp_path), "https://127.0.0.1:1", "ABCD", None)


def test_the_token_is_for_the_users_eyes_alone(tmp_path: Path) -> None:
    place = Place(tmp_path / "agent")
    place.keep_enrolled(Enrolled("https://a", "W1", "yjw_secret"))
    assert stat.S_IMODE((place.folder / "enrolled.json").stat().st_mode) == 0o600
    assert place.enrolled() == Enrolled("https://a", "W1", "yjw_secret")
    assert "secret" not in repr(place.enrolled())


def test_the_agent_loads_nothing_of_the_server() -> None:
    code = (
        "import sys\nfrom clients.console import verbs, main\nverbs.add_to(main.app)\n"
        "import clients.agent.running, clients.agent.__main__\n"
        "heavy = ('flask', 'sqlalchemy', 'sync', 'aiohttp', 'pydantic', 'pyodbc')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
