"""`yj price …`: prices keyed in during an outage by two people, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.console.main import main
from config.settings import write_default
from tests.fixtures_hospital import PASSWORD, Hospital


def test_a_price_is_set_shown_and_taken_back_by_two_people(
    yj: Hospital, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, words = tmp_path / "home", tmp_path / "words.json"
    write_default(home, database_url=yj.url)
    words.write_text(json.dumps(dict.fromkeys(["0601", "0701"], PASSWORD)))

    def verb(*arguments: str) -> int:
        capsys.readouterr()
        return main(["--home", str(home), "price", *arguments])

    who = ("--operator", "0601", "--reason", "调价通知", "--password-file", str(words))
    both = (*who, "--approver", "0701")
    assert verb("set", "drug", "A002", "20.5", "--again", "2.05", *both) == 2
    assert verb("set", "drug", "A002", "20.5", "--again", "20.5", *who) == 1  # nobody beside
    assert verb("set", "drug", "A002", "20.5", "--again", "20.50", *both) == 0
    assert verb("list", "--json") == 0
    (item,) = json.loads(capsys.readouterr().out)["items"]
    assert (item["row"], item["entered_by"], item["approver_code"]) == ({"unit_price": "20.5000"}, "0601", "0701")
    assert verb("withdraw", item["id"], *both) == 0
    assert verb("list", "--ended", "--json") == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["ended_how"] == "withdrawn"
