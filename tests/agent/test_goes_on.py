"""What goes wrong once in the agent is not the end of it: the next print, look and heartbeat come all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clients.agent.heart import Heart
from clients.agent.place import Place
from clients.agent.printing import Printing, PrintSettings
from clients.agent.probing import Prober, Probing
from clients.agent.switching import Switcher
from clients.sdk import Problem, YjClient
from tests.fixtures_door import until

JOB = {"id": "01", "kind": "receipt", "printer": "LQ", "tray": "", "copies": 1}


class Spoilt(YjClient):
    """A client whose standby hands out two prints; of the first it says nothing."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", "W1", patience=0)
        self.told: dict[str, Any] = {}

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        if path.endswith("/take"):
            return {"items": [JOB, {**JOB, "id": "02"}]}
        if path.endswith("/document"):
            return {} if body["id"] == "01" else {"html": "<p>票据</p>"}
        self.told[path.split("/")[3]] = body
        return {}


def test_a_print_that_goes_wrong_is_told_and_the_next_one_comes_out(tmp_path: Path) -> None:
    client = Spoilt()
    Printing(client, "yjw_x", PrintSettings(("true", "{html}")), tmp_path / "agent").look()
    client.close()
    assert client.told == {"01": {"ok": False, "detail": "KeyError"}, "02": {"ok": True, "detail": ""}}
    assert list((tmp_path / "agent").iterdir()) == []


def test_a_print_that_is_handed_out_again_is_told_again_and_not_printed_again(tmp_path: Path) -> None:
    client, out = Spoilt(), tmp_path / "out"
    one = Printing(client, "yjw_x", PrintSettings(("cp", "--no-clobber", "{html}", str(out))), tmp_path / "agent")
    one.look()
    assert out.read_text(encoding="utf-8") == "<p>票据</p>"
    out.unlink()
    client.told.clear()
    one.look()
    assert client.told == {"01": {"ok": False, "detail": "KeyError"}, "02": {"ok": True, "detail": ""}}
    assert not out.exists()
    client.close()


def test_a_standby_that_is_older_than_its_agent_is_asked_in_its_own_way(tmp_path: Path) -> None:
    class Older(Spoilt):
        def post(self, path: str, body: Any = None, **options: Any) -> Any:
            if path.endswith("/take") and body is not None:
                raise Problem(422, "invalid_request", "填写有误")
            return super().post(path, body, **options)

    client = Older()
    Printing(client, "yjw_x", PrintSettings(("true", "{html}")), tmp_path / "agent").look()
    client.close()
    assert client.told["02"] == {"ok": True, "detail": ""}


def test_a_command_that_does_not_come_to_an_end_may_have_printed(tmp_path: Path) -> None:
    client = Spoilt()
    slow = PrintSettings(("sh", "-c", "sleep 60", "{html}"), seconds=0.2)
    told = Printing(client, "yjw_x", slow, tmp_path / "agent").look()
    client.close()
    assert client.told["02"] == {"ok": None, "detail": "sh: not done after 0.2 s"}
    assert [one["ok"] for one in told] == [False, None]


def test_prints_that_a_killed_agent_has_left_are_removed_when_the_next_one_begins(tmp_path: Path) -> None:
    for name in ("print-a1b2", "print-browser"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "yj.html").write_text("王小明", encoding="utf-8")
    (tmp_path / "agent.log").touch()
    stop, client = threading.Event(), Spoilt()
    stop.set()
    Printing(client, "yjw_x", PrintSettings(), tmp_path).run(stop)
    client.close()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["agent.log", "print-browser"]


def printing(_folder: Path, client: YjClient) -> Any:
    one = Printing(client, "yjw_x", PrintSettings(), _folder)
    one.heard({"printers": True})
    return one, "look"


def switcher(folder: Path, _client: YjClient) -> Any:
    return Switcher(Place(folder), (), (), 0), "look"


def heart(_folder: Path, client: YjClient) -> Any:
    one = Heart(client, "yjw_x", "cashier", "1", every=lambda: 0.01)
    one.told({"epoch": 1})
    return one, "beat"


def prober(_folder: Path, _client: YjClient) -> Any:
    return Prober(Probing(), every=lambda: 0.01), "look"


@pytest.mark.parametrize("build", [printing, switcher, heart, prober])
def test_what_nobody_foresaw_does_not_end_a_part_of_the_agent(
    build: Callable[[Path, YjClient], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, stop = Spoilt(), threading.Event()
    part, name = build(tmp_path, client)
    tried: list[int] = []

    def broken(*_: Any) -> None:
        tried.append(1)
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(part, name, broken)
    thread = threading.Thread(target=part.run, args=(stop,), daemon=True)
    thread.start()
    try:

        def again() -> bool:
            part.wake()
            return len(tried) >= 2

        until(again)
    finally:
        stop.set()
        part.wake()
        thread.join(20)
        client.close()
