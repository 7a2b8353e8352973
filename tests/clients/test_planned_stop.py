"""A planned stop takes one last mirror first: `yj mode emergency --cause maintenance`."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from clients.console.main import main
from sync.reference_his.create import create_reference
from tests.clients.test_console import answer, founded, home, words

__all__ = ["founded", "home"]


@pytest.fixture
def his(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reference HIS in SQLite as the centre of this instance."""
    made = tmp_path / "his.sqlite"
    create_reference(f"sqlite:///{made}", "clinic")
    monkeypatch.setenv("YJ_CENTRAL__URL", f"sqlite:///{made}")
    monkeypatch.setenv("YJ_CENTRAL__MAPPING", "reference-sqlite")
    return made


def switch(home: Path, *more: str) -> list[str]:
    planned = ["mode", "emergency", "--cause", "maintenance", "--reason", "数据库升级", "--operator", "A01"]
    return ["--home", str(home), *planned, *words(home), *more]


def mode(home: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["--home", str(home), "mode", "show", "--json"]) == 0
    return str(answer(capsys)["mode"])


def generations(home: Path) -> list[int]:
    rows = sqlite3.connect(home / "mirror.db").execute("SELECT generation FROM generation ORDER BY generation")
    return [row[0] for row in rows]


def test_the_mirror_runs_and_then_the_switch_uses_what_it_published(
    home: Path, his: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(switch(home, "--json")) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["mode"] == "emergency" and "one last mirror" in told.err
    assert generations(home) == [1]
    assert sqlite3.connect(home / "yj.db").execute("SELECT generation, cause FROM incident").fetchall() == [
        (1, "maintenance")
    ]


def test_a_centre_that_is_gone_already_needs_a_word_more(
    home: Path, his: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(home), "mirror", "run"]) == 0
    his.unlink()
    capsys.readouterr()
    assert main(switch(home)) == 1
    said = capsys.readouterr().err
    assert "unreachable" in said and "--no-mirror" in said and mode(home, capsys) == "normal"
    assert main(switch(home, "--no-mirror")) == 0
    assert mode(home, capsys) == "emergency" and generations(home) == [1]


def test_without_any_centre_it_says_what_to_do(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(switch(home)) == 1
    said = capsys.readouterr().err
    assert "[central] url" in said and "--no-mirror" in said and mode(home, capsys) == "normal"


def test_another_cause_waits_for_no_mirror_and_a_stranger_starts_none(
    home: Path, his: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = [word if word != "A01" else "CW9" for word in switch(home)]
    assert main(stranger) == 1 and generations(home) == []
    assert main(["--home", str(home), "mirror", "run"]) == 0
    outage = [word if word != "maintenance" else "storage" for word in switch(home)]
    assert main(outage) == 0 and generations(home) == [1] and mode(home, capsys) == "emergency"
