"""`yj mirror stop | go | history | rejected`: who may, what they say, exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from clients.console.main import main
from clients.console.mirror_views import RowProgress
from clients.console.output import Ticker
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


def test_a_first_load_shows_datasets_rows_and_their_speed() -> None:
    class Seen(Ticker):
        note_seconds = 0.0
        steps: ClassVar[list[tuple[int, int | None, str]]] = []

        def advance(self, done: int, total: int | None = None, note: str = "") -> None:
            self.steps.append((done, total, note))

    shown = RowProgress(Seen())
    shown.dataset("patient", 3, 18)
    shown.rows("patient", 1_250_000)
    assert Seen.steps[0] == (3, 18, "patient")
    done, total, note = Seen.steps[1]
    assert (done, total) == (3, 18) and note.startswith("patient 1,250,000 (") and note.endswith("/s)")
