"""`yj mirror stop | go | history | rejected`: who may, what they say, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.console.main import main
from tests.clients.test_console import answer, founded, home, words

__all__ = ["founded", "home"]


def test_the_mirror_is_stopped_by_name_and_let_go(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yj = ["--home", str(home), "mirror"]
    assert main([*yj, "stop", "--operator", "A01", "--reason", " ", *words(home)]) == 2
    assert main([*yj, "stop", "--operator", "CW9", "--reason", "x", *words(home)]) == 1
    capsys.readouterr()
    assert main([*yj, "stop", "--operator", "A01", "--reason", "重建索引", "--json", *words(home)]) == 0
    assert answer(capsys)["stopped"]["reason"] == "重建索引"
    assert main([*yj, "status", "--json"]) == 1
    shown = capsys.readouterr()
    assert '"stopped_by": "A01"' in shown.out and "yj mirror go" in shown.err
    assert main([*yj, "go", "--operator", "A02", *words(home)]) == 0


def test_history_and_rejected_rows_are_documents(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yj = ["--home", str(home), "mirror"]
    capsys.readouterr()
    assert main([*yj, "history", "--hours", "2", "--json"]) == 0
    assert set(answer(capsys)) == {"since", "until", "groups", "runs"}
    assert main([*yj, "rejected", "--json"]) == 0
    assert answer(capsys) == {"items": []}
    assert main([*yj, "history", "--hours", "999"]) == 2
