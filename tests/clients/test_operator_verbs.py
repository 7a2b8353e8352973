"""`yj operator …` at three in the morning: a code in seconds, a second person on the telephone, nobody at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clients.console.main import main
from fallback_server.store.database import open_mirror_engine
from tests.fixtures_hospital import CAST, PASSWORD, publish

OURS = [{"operator": code, "name": name, "password": PASSWORD} for code, name in (("A01", "王敏"), ("A02", "李强"))]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An instance with two administrators and the cast in its mirror."""
    made = tmp_path / "instance"
    (tmp_path / "admins.json").write_text(json.dumps(OURS), encoding="utf-8")
    assert main(["init", "--home", str(made), "--admins", str(tmp_path / "admins.json")]) == 0
    engine = open_mirror_engine(f"sqlite:///{made}/yj.db")
    publish(engine, CAST)
    engine.dispose()
    return made


class Night:
    """Somebody at the terminal; everybody's password is in the file, unless a code stands in its place."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.capsys = home, capsys

    def run(self, *arguments: str, **instead: str) -> int:
        words = dict.fromkeys([*(one["operator_code"] for one in CAST["operator"]), "A01", "A02"], PASSWORD)
        (self.home.parent / "words.json").write_text(json.dumps(words | instead), encoding="utf-8")
        self.capsys.readouterr()
        return main(["--home", str(self.home), *arguments, "--password-file", str(self.home.parent / "words.json")])

    def asks(self, *arguments: str) -> int:
        """The same for verbs that need nobody."""
        self.capsys.readouterr()
        return main(["--home", str(self.home), *arguments])

    def said(self) -> Any:
        return json.loads(self.capsys.readouterr().out)


@pytest.fixture
def night(home: Path, capsys: pytest.CaptureFixture[str]) -> Night:
    return Night(home, capsys)


SWITCH = ("mode", "emergency", "--cause", "server", "--reason", "夜里", "--operator", "0701")


def test_a_desk_lead_hands_out_a_code_and_an_administrator_locks_out(night: Night) -> None:
    assert night.run("operator", "code", "0201", "--operator", "0601", "--json") == 0
    assert night.said()["items"][0]["operator"] == "0201"
    assert night.run("operator", "code", "0801", "--operator", "0601") == 1
    assert night.run("operator", "code", "--operator", "0601") == 2
    assert night.run("operator", "disable", "0201", "--reason", "离职", "--operator", "A01") == 0
    assert night.asks("operator", "list", "--all", "--json") == 0
    listed = {one["operator"]: one["why"] for one in night.said()["items"]}
    assert (listed["0201"], listed["0202"], listed["A01"]) == ("disabled", "password", "password")
    assert night.run("operator", "enable", "0201", "--operator", "A01") == 0


def test_the_second_person_is_on_the_telephone(night: Night) -> None:
    assert night.run(*SWITCH) == 0
    assert (
        night.run("operator", "approve", "--operator", "0601", "--for", "0701", "--act", "mode_normal", "--json") == 0
    )
    code = night.said()["items"][0]["code"]
    back = ("mode", "normal", "--operator", "0701", "--approver", "0601")
    assert night.run("mode", "normal", "--operator", "0801", "--approver", "0601", **{"0601": code}) == 1
    assert night.run(*back, **{"0601": code}) == 0
    assert night.run(*SWITCH) == 0
    assert night.run(*back, **{"0601": code}) == 1  # once


def test_nobody_is_there_and_it_is_signed_later(night: Night) -> None:
    assert night.run(*SWITCH) == 0
    assert night.run("mode", "normal", "--operator", "0701") == 2
    assert night.run("mode", "normal", "--operator", "0701", "--alone", "无人接听") == 0
    assert night.asks("operator", "alone", "--json") == 1
    assert [one["act"] for one in night.said()["items"]] == ["mode_normal"]
    assert night.run("operator", "countersign", "1", "--operator", "0701", "--note", "我自己") == 1
    assert night.run("operator", "countersign", "1", "--operator", "0601", "--note", "电话核实") == 0
    assert night.asks("operator", "alone") == 0


def test_the_sealed_account_needs_two_and_opens_the_console(night: Night) -> None:
    assert night.run("operator", "seal", "--operator", "A01") == 1
    assert night.run("operator", "seal", "--operator", "A01", "--approver", "A02", "--json") == 0
    code = night.said()["code"]
    assert night.run("operator", "add", "YJ-SEAL", "--name", "x", "--role", "admin", "--operator", "A01") == 2
    assert night.run(*SWITCH[:-1], "YJ-SEAL", **{"YJ-SEAL": code}) == 0
    night.asks("ready", "--json")
    assert any("break-glass account was opened" in one for one in night.said()["warnings"])
