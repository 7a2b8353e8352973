"""`yj mode emergency --department` and `yj mode scope`: they say what the departments lack, and switch all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.console.main import main
from fallback_server.store.database import open_mirror_engine
from tests.clients.test_console import answer, founded, home, words  # noqa: F401
from tests.fixtures_hospital import CAST, publish


@pytest.fixture
def mirrored(home: Path) -> Path:  # noqa: F811
    """The same with the cast's departments."""
    engine = open_mirror_engine(f"sqlite:///{home}/yj.db")
    publish(engine, CAST)
    engine.dispose()
    return home


def test_the_scope_is_chosen_changed_and_warned_of(mirrored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*verb: str) -> int:
        return main(["--home", str(mirrored), "mode", *verb, "--operator", "A01", *words(mirrored)])

    on = ("emergency", "--cause", "network", "--reason", "内科楼断网", "--department", "NK ", "--json")
    assert run(*on) == 0
    told = answer(capsys)
    assert told["scope"] == ["NK"] and [one["code"] for one in told["warnings"]] == ["no_cashier", "no_pharmacy"]
    assert run("scope", "--reason", "急诊也断了", "--department", "NK", "--department", "JZ") == 0
    assert "没有收费窗口在线" in (said := capsys.readouterr().out) and "JZ" in said
    assert run("scope", "--reason", "全院断网", "--whole", "--json") == 0
    assert (told := answer(capsys))["scope"] is None and told["warnings"] == []
    assert run("scope", "--reason", "x", "--whole", "--department", "NK") == 2
    assert run("scope", "--reason", "x") == 2
    assert run("scope", "--reason", "x", "--department", " ") == 2
    assert run("scope", "--reason", "x", "--department", "NOWHERE") == 1
