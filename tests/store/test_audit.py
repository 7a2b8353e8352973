"""Whoever changes the audit log with SQL, as an administrator of the database can, is found out."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from clients.console.main import main
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.modes import Permit
from fallback_server.store import audit, audit_archive, guards
from fallback_server.store.session import Store
from tests.clients.test_console import answer, founded, home  # noqa: F401  (fixtures)
from tests.fixtures_hospital import Hospital

CHANGED = {
    "changed": "UPDATE audit SET operator_code = 'X' WHERE sequence = 2",
    "detail": "UPDATE audit SET detail = '{}' WHERE sequence = 1",
    "removed": "DELETE FROM audit WHERE sequence = 2",
    "inserted": "INSERT INTO audit SELECT 99, at, operator_code, approver_code, workstation, address, action, ok,"
    " subject, incident_no, detail, previous_hash, 'x' || substr(hash, 2), text FROM audit WHERE sequence = 1",
    "reordered": "UPDATE audit SET sequence = CASE sequence WHEN 1 THEN -2 ELSE -1 END WHERE sequence IN (1, 2);"
    "UPDATE audit SET sequence = -sequence WHERE sequence < 0",
}


def tamper(home: Path, script: str) -> None:  # noqa: F811
    """Take the guards off, change something, and put them on again: nothing of that is to be seen."""
    ours = [one for one in guards.statements("sqlite") if one.startswith("CREATE TRIGGER audit_")]
    with closing(sqlite3.connect(home / "yj.db")) as conn:
        conn.executescript("DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;" + script)
        for one in ours:
            conn.execute(one)


def verify(home: Path, *more: str) -> int:  # noqa: F811
    return main(["--home", str(home), "audit", "verify", "--json", *more])


@pytest.mark.parametrize("script", CHANGED.values(), ids=CHANGED)
def test_a_row_changed_removed_inserted_or_moved_is_found(home: Path, script: str) -> None:  # noqa: F811
    assert verify(home) == 0
    tamper(home, script)
    assert verify(home) == 1


def test_a_log_that_was_cut_off_is_whole_by_itself_and_found_by_the_printed_head(
    home: Path, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    assert verify(home) == 0
    head = answer(capsys)["head"]
    printed = ["--head", f"{head['sequence']}:{head['hash'][:16]}"]
    assert verify(home, *printed) == 0
    tamper(home, f"DELETE FROM audit WHERE sequence = {head['sequence']}")
    assert verify(home) == 0 and verify(home, *printed) == 1
    assert verify(home, "--head", f"1:{'0' * 16}") == 1, "and one that was written anew"
    assert verify(home, "--head", "yesterday's") == 2


def test_the_log_is_exported_whole_or_in_part(home: Path, tmp_path: Path) -> None:  # noqa: F811
    export = ["--home", str(home), "audit", "export", "--out"]
    assert main([*export, str(tmp_path / "all.csv")]) == 0
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["sequence"]) for row in rows] == list(range(1, len(rows) + 1)) and rows
    assert main([*export, str(tmp_path / "some.jsonl"), "--action", "operator.add", "--since", "2026-01-01"]) == 0
    some = [json.loads(line) for line in (tmp_path / "some.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["action"] for row in some} == {"operator.add"} and 0 < len(some) <= len(rows)
    assert main([*export, str(tmp_path / "all.xlsx")]) == 2
    assert {one.stat().st_mode & 0o777 for one in tmp_path.glob("*.csv")} == {0o600}
    assert not list(tmp_path.glob("*.part"))
    asked = [row for row in rows if row["action"] == "audit.export"]
    assert asked == [], "the row about an export is written before it, and counts what was there"


def test_a_closed_year_is_archived_and_the_chain_goes_on(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    archive = ["--home", str(home), "audit", "archive", "--json", "--out", str(tmp_path / "years")]
    assert main(archive) == 0 and answer(capsys)["years"] == [], "this year is not over"
    store = Store(f"sqlite:///{home}/yj.db", SettableClock(datetime(2099, 1, 2, tzinfo=ZoneInfo("Asia/Shanghai"))))
    with store.writing(Permit.HOUSEKEEPING) as tx:
        tx.audit("trial")
    with store.reading() as tx:
        (year,) = audit_archive.years(tx.conn, "2099-01-02")
        told = audit_archive.write(tx.conn, year, tmp_path / "years")
        assert told["first"] == 1 and told["rows"] == told["last"] > 0
        assert audit_archive.write(tx.conn, year, tmp_path / "years")["sha256"] == told["sha256"], (
            "run again it compares"
        )
        path = Path(told["file"])
        assert audit_archive.check(tx.conn, path)[1] == []
    store.close()
    assert verify(home, "--archive", str(path)) == 0
    path.write_text(path.read_text("utf-8").replace("operator.add", "operator.odd", 1), encoding="utf-8")
    assert verify(home, "--archive", str(path)) == 1
    capsys.readouterr()
    for line in ("[]", "7", '{"sequence": 1}', "{"):
        path.write_text(line + "\n", encoding="utf-8")
        assert verify(home, "--archive", str(path)) == 1
        assert "archive_differs: " in capsys.readouterr().err, "what is no row of ours is said to be none"


def test_rows_that_a_dead_clock_stamped_are_archived_with_those_of_their_day(
    hospital: Hospital, tmp_path: Path
) -> None:
    def write(*times: str) -> None:
        for at in times:
            hospital.clock.at = datetime.fromisoformat(f"{at}T08:00:00+08:00")
            with hospital.store.writing(Permit.HOUSEKEEPING) as tx:
                tx.audit("trial")

    write("2026-11-30")
    with hospital.store.reading() as tx:
        before = tx.conn.execute(select(func.count()).select_from(audit.audit)).scalar_one()
    write(
        "2027-03-01", "2099-01-01", "2027-03-02", "1970-01-01", "2027-12-31", "2028-01-01", "2028-01-02", "1970-01-01"
    )
    with hospital.store.reading() as tx:
        assert audit_archive.years(tx.conn, "2028-02-01") == [2026, 2027]
        first = audit_archive.write(tx.conn, 2027, tmp_path)
    assert (first["first"], first["rows"]) == (before + 1, 5)
    write("1970-01-01", "1970-01-01", "1970-01-01", "2029-01-01")  # more than there are of the year: a file stands
    with hospital.store.reading() as tx:
        assert audit_archive.write(tx.conn, 2027, tmp_path)["sha256"] == first["sha256"]
        assert audit_archive.write(tx.conn, 2028, tmp_path)["first"] == first["last"] + 1
