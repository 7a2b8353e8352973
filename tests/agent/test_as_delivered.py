"""What is carried to a window PC beside the program: the unit, the task, and how the browser is opened there."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest

from clients.agent import browser
from clients.agent.__main__ import main
from clients.agent.versions import LAUNCHER
from tests.house.tree import ROOT

FOLDER = ROOT / "config/agent"
TASK = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}


def unit() -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read(FOLDER / "his-yj-agent.service", encoding="utf-8")
    return found


def of_unit() -> list[str]:
    return shlex.split(unit()["Service"]["ExecStart"])


def task() -> ElementTree.Element:
    return ElementTree.fromstring((FOLDER / "his-yj-agent.xml").read_bytes())  # noqa: S314 - a file of our own


def of_task() -> list[str]:
    words = [task().findtext(f".//t:Exec/t:{name}", "", TASK) for name in ("Command", "Arguments")]
    return shlex.split(" ".join(words).replace("\\", "/"))


@pytest.mark.parametrize(
    ("words", "programs"),
    [(of_unit(), "/opt/his-yj-agent"), (of_task(), "C:/Program Files/his-yj-agent")],
    ids=["linux", "windows"],
)
def test_what_the_system_starts_is_a_command_of_the_installed_agent(
    words: list[str], programs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    launcher = words.index(f"{programs}/{LAUNCHER}")
    assert main(["--folder", str(tmp_path), *words[launcher + 1 :]]) == 2
    assert "enrol this workstation first" in capsys.readouterr().err


def test_the_agent_comes_back_by_itself_and_never_takes_the_page_with_it() -> None:
    assert unit()["Service"]["Restart"] == "always" and unit()["Service"]["KillMode"] == "process"
    assert unit()["Install"]["WantedBy"] == "graphical-session.target"  # it needs somebody's screen
    assert task().find(".//t:LogonTrigger", TASK) is not None
    assert task().findtext(".//t:RestartOnFailure/t:Interval", "", TASK) == "PT1M"
    assert task().findtext(".//t:ExecutionTimeLimit", "", TASK) == "PT0S"  # for ever
    assert task().findtext(".//t:StopIfGoingOnBatteries", "", TASK) == "false"


@pytest.mark.parametrize(("window", "last"), [("app", "--app=https://10.1.0.9/"), ("kiosk", "https://10.1.0.9/")])
def test_the_page_is_a_window_without_tabs_or_the_whole_screen(window: str, last: str, tmp_path: Path) -> None:
    command = browser.command(Path("/usr/bin/chromium"), "https://10.1.0.9/", tmp_path, window, ("--kiosk-printing",))
    assert command[-1] == last and ("--kiosk" in command) is (window == "kiosk")
    assert f"--user-data-dir={tmp_path}" in command and "--kiosk-printing" in command
