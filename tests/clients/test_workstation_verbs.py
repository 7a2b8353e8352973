"""`yj workstation …`: a table taken in is held against the same rules as at the console, in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.console.main import main
from tests.clients.test_console import answer, founded, home, words  # noqa: F401


def table(home: Path, *codes: str) -> str:  # noqa: F811
    file = home.parent / "table.csv"
    file.write_text("workstation,window\n" + "".join(f"{code},一楼\n" for code in codes), encoding="utf-8")
    return str(file)


def yj(home: Path, *verb: str) -> int:  # noqa: F811
    return main(["--home", str(home), "workstation", *verb, "--operator", "A01", *words(home)])


def test_a_file_that_takes_out_most_workstations_is_asked_about_here_too(
    home: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert yj(home, "import", table(home, "W1", "W2", "W3")) == 0
    capsys.readouterr()
    assert yj(home, "import", table(home, "W9"), "--dry-run", "--json") == 0
    told = answer(capsys)
    assert (told["applied"], told["shrinks"], told["removed"]) == (False, True, ["W1", "W2", "W3"])
    assert yj(home, "import", table(home, "W9")) == 1
    assert "stations_shrink" in (said := capsys.readouterr().err) and "--yes" in said
    assert yj(home, "import", table(home, "W 9", "W 8")) == 1
    assert [line.split("table.csv:")[1][0] for line in capsys.readouterr().err.splitlines()] == ["2", "3"]
    assert yj(home, "import", table(home, "W9"), "--yes", "--json") == 0
    assert (told := answer(capsys))["applied"] is True and told["added"] == ["W9"]
