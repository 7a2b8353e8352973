"""`yj incident …`: the record of an outage can be confirmed, explained, signed and closed from the command line."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from clients.console import record
from clients.console.main import main
from config.settings import write_default
from fallback_server.domain.clock import from_text
from fallback_server.domain.modes import Permit
from fallback_server.store import sign_off
from fallback_server.store.mode import incident
from fallback_server.store.returning import difference
from tests.fixtures_hospital import ADMIN, MONDAY, PASSWORD, Hospital


@pytest.fixture
def home(hospital: Hospital, tmp_path: Path) -> Path:
    """An instance folder on the hospital's store, with an ended incident and an account of one difference."""
    hospital.emergency()
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(incident).values(state="reconciling"))
        tx.conn.execute(
            difference.insert().values(
                incident_no=1, kind="amount", subject="c1", local={"amount": "1.00"}, central={"amount": "2.00"},
                first_seen_at=tx.at,
            )
        )  # fmt: skip
        found = sign_off.list_differences(tx.conn, 1)
        report = {"incident_no": 1, "balanced": False, "totals": {}, "cashiers": [], "differences": found}
        sign_off.store_reconciliation(tx, 1, report)
    write_default(tmp_path / "home", database_url=hospital.url)
    (tmp_path / "words.json").write_text(json.dumps(dict.fromkeys(["0601", "0801", "0802", "0201"], PASSWORD)))
    return tmp_path / "home"


def yj(home: Path, *arguments: str) -> int:
    asked = {
        "confirm", "explain", "sign", "note", "told", "heard", "notice", "analysis", "measure", "measure-done",
        "measure-move", "untold", "report",
    } & {arguments[0]}  # fmt: skip
    words = ["--password-file", str(home.parent / "words.json")] if asked else []
    return main(["--home", str(home), "incident", *arguments, *words])


def state(hospital: Hospital) -> Any:
    with hospital.store.reading() as tx:
        return tx.conn.execute(select(incident)).mappings().one()


def test_an_outage_is_confirmed_explained_signed_and_closed(
    hospital: Hospital, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert yj(home, "confirm", "--operator", "0801") == 1  # who switched on cannot confirm it
    assert yj(home, "confirm", "--operator", "0802") == 0
    assert yj(home, "sign", "--as", "it", "--operator", "0801") == 1  # a difference is not explained yet
    assert yj(home, "explain", "1", "--operator", "0601", "--note", "已核对") == 0
    assert yj(home, "sign", "--as", "it", "--operator", "0601") == 1  # a supervisor is not IT
    assert yj(home, "sign", "--as", "it", "--operator", "0801") == 0
    assert state(hospital)["state"] == "reconciling"
    assert yj(home, "sign", "--as", "finance", "--operator", "0601") == 0
    assert (state(hospital)["state"], state(hospital)["confirmed_by"]) == ("closed", "0802")
    capsys.readouterr()
    assert yj(home, "show", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [event["kind"] for event in shown["timeline"]][-1] == "closed"


def test_wrong_people_and_wrong_words_are_refused(home: Path) -> None:
    assert yj(home, "confirm", "--operator", "0201") == 1
    assert yj(home, "explain", "99", "--operator", "0601", "--note", "x") == 1
    assert yj(home, "sign", "--as", "boss", "--operator", "0601") == 2
    assert yj(home, "show", "--incident", "99") == 1


def test_the_list_shows_every_incident(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert yj(home, "list", "--json") == 0
    assert [one["incident_no"] for one in json.loads(capsys.readouterr().out)["items"]] == [1]


def test_in_a_drill_the_drill_is_confirmed_and_shown(
    hospital: Hospital, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hospital.emergency()
    hospital.back()
    drill = hospital.emergency(drill=True)
    home = tmp_path / "home"
    write_default(home, database_url=hospital.url)
    (tmp_path / "words.json").write_text(json.dumps({"0802": PASSWORD}))
    assert yj(home, "confirm", "--operator", "0802") == 0
    capsys.readouterr()
    assert yj(home, "show", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["incident_no"], shown["timeline"][-1]["kind"]) == (drill, "confirmed")


def test_reconcile_answers_a_program_before_the_first_outage(
    hospital: Hospital, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_default(tmp_path / "home", database_url=hospital.url)
    assert main(["--home", str(tmp_path / "home"), "reconcile", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["incident_no"], told["balanced"], told["differences"]) == (None, False, [])


def test_the_record_is_kept_at_the_command_line_from_the_first_call_to_the_final_report(
    hospital: Hospital, home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    who = ("--operator", "0801")
    assert yj(home, "told", "总值班", "HIS 停机", "--means", "phone", "--answer", "知道了", *who) == 0
    assert yj(home, "told", "院长", "HIS 停机", "--means", "smoke", *who) == 2
    assert yj(home, "untold", "duty director", "--reason", "点错了行", *who) == 0
    assert yj(home, "untold", "总值班", "--reason", "点错了行", *who) == 1
    assert yj(home, "told", "总值班", "HIS 停机", *who) == 0
    assert yj(home, "heard", "DBA 何工", "存储掉线", *who) == 0
    assert yj(home, "note", "窗口卡纸", "--at", "25:00", *who) == 1
    assert yj(home, "note", "四号窗口", "--amends", "4", *who) == 0
    assert yj(home, "note", "x", "--operator", "0201") == 1  # a cashier keeps no record
    assert yj(home, "notice", "预计 11 点恢复", *who) == 0
    assert yj(home, "measure", "换控制器", "--responsible", "何工", "--due", "2099-01-01", *who) == 0
    assert yj(home, "measure", "x", "--responsible", "y", "--due", "soon", *who) == 2
    assert yj(home, "measure-move", "1", "--note", "缺货", *who) == 2
    assert yj(home, "measure-move", "1", "--note", "缺货", "--due", "2099-02-01", "--responsible", "钱工", *who) == 0
    assert yj(home, "measure-done", "1", "--note", "已换", *who) == 0
    assert yj(home, "report", "--final", *who) == 1  # not closed
    assert yj(home, "analysis", "--cause", "存储", "--lessons", "演练", *who) == 0
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(incident).values(state="closed", closed_at="2026-01-01T08:00:00.000+08:00"))
    assert yj(home, "report", "--final", "--out", str(tmp_path / "report.html"), *who) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(word in page for word in ("存储掉线", "换控制器", "已定稿", "<style>")) and "stylesheet" not in page
    assert yj(home, "report", "--out", str(tmp_path / "report.doc"), *who) == 2
    capsys.readouterr()
    assert yj(home, "record", "--json") == 0
    kept = json.loads(capsys.readouterr().out)
    assert kept["timers"][0]["state"] == "told" and kept["final"]
    assert yj(home, "timeline", "--only", "people", "--json") == 0
    kinds = [one["kind"] for one in json.loads(capsys.readouterr().out)["items"]]
    assert kinds.count("heard") == 2 and {"told", "announced", "measure_done", "measure_given", "report_final"} <= set(
        kinds
    )
    assert yj(home, "timeline", "--only", "nonsense") == 2


def test_what_is_typed_is_measured_as_at_the_console(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who = ("--operator", "0801")
    assert yj(home, "note", "长" * 2001, *who) == 2
    assert "TEXT: String should have at most 2000 characters" in capsys.readouterr().err
    assert yj(home, "told", "长" * 65, "HIS 停机", "--answer", "长" * 501, *who) == 2
    told = capsys.readouterr().err
    assert "WHOM: " in told and "--answer: " in told
    assert yj(home, "measure", "长" * 501, "--responsible", "何工", "--due", "2099-01-01", *who) == 2
    assert yj(home, "measure-done", "1", "--note", "长" * 501, *who) == 2
    assert yj(home, "analysis", "--cause", "长" * 2001, "--lessons", "x", *who) == 2
    assert yj(home, "notice", "长" * 201, *who) == 2
    assert yj(home, "explain", "1", "--note", "长" * 501, *who) == 2
    words = ("--password-file", str(home.parent / "words.json"), *who)
    assert main(["--home", str(home), "alarm", "ack", "1", "--note", "长" * 501, *words]) == 2
    long = ["--cause", "smoke", "--reason", "长" * 501]
    capsys.readouterr()
    assert main(["--home", str(home), "mode", "emergency", *long, *words]) == 2
    told = capsys.readouterr().err
    assert "--cause smoke: " in told and "--reason: " in told
    drill = ["--home", str(home), "drill"]
    assert main([*drill, "find", "1", "--kind", "smoke", "--text", "长" * 2001, "--due", "2026-02-31", *words]) == 2
    told = capsys.readouterr().err
    assert "--kind smoke: " in told and "--text: " in told and "--due 2026-02-31: " in told
    assert main([*drill, "plan", "--title", " ", "--on", "tomorrow", *words]) == 2
    assert "--title: " in capsys.readouterr().err


def test_ten_to_midnight_said_just_after_it_was_yesterday() -> None:
    now = MONDAY.replace(hour=0, minute=5)
    said = {at: from_text(str(record._moment(now, at))) for at in ("23:50", "00:04", "0:06", "0:07")}
    assert said["23:50"] == now - timedelta(minutes=15)
    assert said["00:04"] == now - timedelta(minutes=1)
    assert said["0:06"] == now + timedelta(minutes=1)  # two clocks differ
    assert said["0:07"] == now - timedelta(days=1) + timedelta(minutes=2)
