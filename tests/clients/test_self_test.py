"""The weekly self-test: a drill from the newest backup through the real server; the store in use stays as it was."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from clients.console.backup import places
from clients.console.context import Instance
from clients.console.main import main
from clients.console.self_test.scratch import COPY, FOLDER, made
from config.settings import write_default
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.modes import Permit
from fallback_server.store import alarms, backup, drills, jobs
from fallback_server.store.database import open_mirror_engine
from fallback_server.store.drill_rows import self_test
from fallback_server.store.mirror import datasets
from fallback_server.store.session import Store
from fallback_server.web.people import find_person
from tests.fixtures_hospital import ADMIN, CAST

STEPS = [
    "restore",
    "server",
    "switch",
    "register",
    "prescribe",
    "charge",
    "refund",
    "hand_over",
    "fence",
    "end",
    "checks",
]


@pytest.fixture
def home(sqlite_store_url: str, tmp_path: Path) -> Path:
    """An instance with the cast in its mirror that nobody serves."""
    write_default(tmp_path / "home", database_url=sqlite_store_url, hospital_name="测试医院")
    return tmp_path / "home"


def run(home: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["--home", str(home), "drill", "selftest", "--json"])
    return code, dict(json.loads(capsys.readouterr().out))


def everything(url: str) -> dict[str, int]:
    """Rows by table of what a window could have written."""
    kept = {"self_test", "audit", "alarm", "backup_run", "sqlite_sequence"}
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as conn:
        names = [name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: conn.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names if name not in kept
        }


@pytest.mark.slow
def test_it_goes_through_a_whole_drill_from_the_newest_backup_and_leaves_the_store_alone(
    home: Path, sqlite_store_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--home", str(home), "backup", "create", "--json"]) == 0
    name = json.loads(capsys.readouterr().out)["name"]
    before = everything(sqlite_store_url)
    # As in a service that is configured by its environment: the scratch instance must not hear of it.
    monkeypatch.setenv("YJ_DATABASE__URL", sqlite_store_url)
    code, told = run(home, capsys)
    assert (code, told["problem"]) == (0, None), told
    assert told["ok"] is True and told["source"] == name and told["prints"] == 4
    assert [one["step"] for one in told["steps"] if not one["step"].startswith("log_in")] == STEPS
    assert everything(sqlite_store_url) == before
    assert not (home / FOLDER).exists()


def test_one_that_fails_says_where_and_is_an_alarm_until_the_next_one_is_passed(
    home: Path, sqlite_store_url: str, clock: SettableClock, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = open_mirror_engine(sqlite_store_url)
    with engine.connect() as raw, raw.execution_options(yj_write=True).begin():
        raw.execute(update(datasets["staff"]).values(may_prescribe=False))
    engine.dispose()
    assert main(["--home", str(home), "drill", "selftest"]) == 1
    assert "restore: no doctor of the mirror may prescribe" in capsys.readouterr().err
    store = Store(sqlite_store_url, clock)
    try:
        with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            assert [one["kind"] for one in alarms.on(tx.conn, drills.ALARM)] == ["failed"]
            drills.end_self_test(tx, drills.begin_self_test(tx), ok=True, source="copy", steps=[], problem=None)
            assert alarms.on(tx.conn, drills.ALARM) == []
            assert [one["ok"] for one in drills.self_tests(tx.conn)] == [True, False]
    finally:
        store.close()


def test_before_the_first_backup_the_store_is_copied_whichever_kind_it_is(store_url: str, tmp_path: Path) -> None:
    write_default(tmp_path / "home", database_url=store_url)
    with made(Instance(tmp_path / "home")) as scratch, scratch.instance.store() as own, own.reading() as tx:
        assert own.url != store_url and scratch.source == COPY and scratch.department == "NK"
        assert find_person(tx, scratch.people["doctor"].operator) is not None
        assert len(tx.conn.execute(select(datasets["patient"])).all()) == len(CAST["patient"])
    assert not (tmp_path / "home" / FOLDER).exists()


def test_the_newest_backup_is_opened_whichever_kind_of_store_it_is_of(store_url: str, tmp_path: Path) -> None:
    write_default(tmp_path / "home", database_url=store_url)
    found = Instance(tmp_path / "home")
    with found.store() as store:
        name = backup.create(store, places(found), found.settings.backup).name
        with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            drills.plan(tx, title="备份之后才计划的")
    with made(found) as scratch, scratch.instance.store() as own, own.reading() as tx:
        assert scratch.source == name and drills.listed(tx.conn) == []
        assert scratch.department == "NK" and tx.conn.execute(select(datasets["patient"])).first() is not None
    assert not (tmp_path / "home" / FOLDER).exists()


def test_a_backup_that_cannot_be_opened_fails_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home), "backup", "create"]) == 0
    (packed,) = (home / "backups").glob("*.yjb")
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 1
    packed.write_bytes(bytes(content))
    assert main(["--home", str(home), "drill", "selftest"]) == 1
    assert "backup_damaged" in capsys.readouterr().err


def test_nobodys_name_is_lent_to_a_self_test_that_they_did_not_ask_for(
    home: Path, sqlite_store_url: str, clock: SettableClock, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(sqlite_store_url, clock)
    try:
        with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            waiting = jobs.enqueue(tx, jobs.SELF_TEST, {}, "0801")
        assert main(["--home", str(home), "drill", "selftest", "--job", str(waiting)]) == 2
        assert f"--job {waiting}: is no self-test that the worker runs now" in capsys.readouterr().err
        with store.reading() as tx:
            assert drills.self_tests(tx.conn) == []
    finally:
        store.close()


def test_it_runs_in_normal_mode_only_and_one_that_was_killed_counts_as_failed(
    home: Path, sqlite_store_url: str, clock: SettableClock, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(sqlite_store_url, clock)
    try:
        with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            drills.begin_self_test(tx)  # and then the power went
        with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            assert drills.abandon_self_tests(tx) == 1 and drills.abandon_self_tests(tx) == 0
            row = tx.conn.execute(select(self_test)).mappings().one()
            assert row["ok"] is False and row["problem"] == drills.KILLED
            number = drills.plan(tx, title="秋季演练")
            drills.start(tx, number)
        assert main(["--home", str(home), "drill", "selftest"]) == 1
        assert "self_test_mode" in capsys.readouterr().err
        assert backup.WORK not in {path.name for path in home.iterdir()}
    finally:
        store.close()
