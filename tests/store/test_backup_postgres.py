"""A store in PostgreSQL is backed up as the same sealed file, and goes back into PostgreSQL whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, inspect, select, text
from sqlalchemy.pool import NullPool

from clients.console.main import main
from config.sections import Backup
from fallback_server.domain.errors import YjError
from fallback_server.store import backup, backup_file, backup_opening, backup_postgres
from fallback_server.store.database import open_mirror_engine
from tests.clients.test_console import ADMINS, answer, words
from tests.fixtures_hospital import CAST, Hospital, publish
from tests.windows.money_cast import charge as charged
from tests.windows.money_cast import items

pytestmark = pytest.mark.postgres
only_postgres = pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)


@pytest.fixture
def places(tmp_path: Path) -> backup.Places:
    return backup.Places(tmp_path / "first", tmp_path / "second", tmp_path / "backup.key", tmp_path / backup.WORK)


def content(conn: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of ours, as the program reads it."""
    return {one.name: sorted(map(tuple, conn.execute(select(one))), key=repr) for one in backup_postgres.ours()}


def look(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool)


@only_postgres
def test_the_file_holds_every_row_and_is_tried_in_postgresql_where_nothing_stays(
    hospital: Hospital, places: backup.Places, tmp_path: Path
) -> None:
    hospital.emergency()
    made = charged(hospital.window("cashier"), items(("F001", 1), ("F003", 2))).json
    hospital.window("cashier").post(f"/charges/{made['id']}/refund", {"reason": "重复收费"})
    with hospital.store.engine.connect() as conn:
        before = content(conn)
    sealed = backup.create(hospital.store, places, Backup())
    assert sealed.second is True and sealed.manifest["rows"]["charge"] == 2
    backup_file.unpack(places.directory / sealed.name, backup_file.read_key(places.key), tmp_path / "opened.db")
    with look(f"sqlite:///{tmp_path}/opened.db").connect() as conn:
        assert content(conn) == before

    assert backup_opening.verify(hospital.store, places)["name"] == sealed.name
    with hospital.store.engine.connect() as conn:
        assert backup_postgres.SCRATCH not in inspect(conn).get_schema_names()


@only_postgres
def test_a_backup_that_does_not_go_into_postgresql_as_it_came_out_is_said_to_be_damaged(
    hospital: Hospital, places: backup.Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.create(hospital.store, places, Backup())
    pour = backup_postgres._pour
    monkeypatch.setattr(backup_postgres, "_pour", lambda *of: None if of[2].name == "installation" else pour(*of))
    with pytest.raises(YjError) as refused:
        backup_opening.verify(hospital.store, places)
    assert refused.value.code == "backup_damaged"


@pytest.fixture
def instance(new_database: Callable[[], str], tmp_path: Path) -> tuple[Path, str]:
    """An instance whose store is in PostgreSQL: its home, and the address of the store."""
    home, url = tmp_path / "home", new_database()
    (tmp_path / "admins.json").write_text(json.dumps(ADMINS), encoding="utf-8")
    (tmp_path / "words.json").write_text(
        json.dumps({one["operator"]: one["password"] for one in ADMINS}), encoding="utf-8"
    )
    admins = ["--admins", str(tmp_path / "admins.json")]
    assert main(["init", "--home", str(home), "--database", url, *admins]) == 0
    with (home / "yj.toml").open("a", encoding="utf-8") as stream:
        stream.write("\n[backup]\nspare_mb = 0\n")
    return home, url


def _mirrored(url: str) -> None:
    engine = open_mirror_engine(url)
    try:
        publish(engine, CAST)
    finally:
        engine.dispose()


def test_two_people_restore_and_the_tables_before_are_kept_in_a_schema_of_their_own(
    instance: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    home, url = instance
    at = ["--home", str(home)]
    _mirrored(url)  # who may restore may be one of the centre's operators: they are lent to the opened backup
    assert main([*at, "backup", "create"]) == 0
    with look(url).begin() as conn:
        conn.execute(text("UPDATE operator SET name = '后来' WHERE operator_code = 'CW9'"))
    capsys.readouterr()
    restore = [*at, "backup", "restore", "--json", "--operator", "A01", "--approver", "A02", "--reason", "磁盘损坏"]
    with create_engine(url, connect_args={"application_name": "his-yj"}).connect() as windows:
        windows.execute(text("SELECT 1"))
        assert main([*restore, *words(home)]) == 1, "not under the hands of a running server"
        windows.connection.invalidate()
    capsys.readouterr()

    assert main([*restore, *words(home)]) == 0
    told: Any = answer(capsys)
    with look(url).begin() as conn:
        name = "SELECT name FROM {}operator WHERE operator_code = 'CW9'"
        assert conn.execute(text(name.format(""))).scalar() == "陈会计"
        assert conn.execute(text(name.format(told["aside"] + "."))).scalar() == "后来"
        assert conn.execute(text("SELECT operator_code, recovered_at FROM restored")).all() == [("A01", None)]
    with look(url).connect() as conn, pytest.raises(Exception, match="append-only"):
        conn.execute(text("DELETE FROM audit"))
    assert main([*at, "audit", "verify"]) == 0
    assert main([*at, "backup", "create"]) == 0, "and numbers given out by the database go on"
