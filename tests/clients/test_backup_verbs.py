"""`yj backup`: two people put a backup in the place of the store; uploads are fenced until two people looked."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clients.console.locks import only_one
from clients.console.main import main
from config.sections import Backup
from fallback_server.domain.clock import SystemClock
from fallback_server.store import backup
from fallback_server.store.locks import single_instance
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from tests.clients.test_console import answer, founded, home, words  # noqa: F401  (fixtures)

REASON = ["--reason", "磁盘损坏"]
TWO = ["--operator", "A01", "--approver", "A02", *REASON]


@pytest.fixture
def backed_up(home: Path, capsys: pytest.CaptureFixture[str]) -> str:  # noqa: F811
    """The name of a backup; one operator was added after it."""
    roomy = (home / "yj.toml").read_text(encoding="utf-8") + "\n[backup]\nspare_mb = 0\n"
    (home / "yj.toml").write_text(roomy, encoding="utf-8")
    assert main(["--home", str(home), "backup", "create", "--json"]) == 0
    made = answer(capsys)
    with closing(sqlite3.connect(home / "yj.db")) as conn, conn:
        conn.execute("UPDATE operator SET name = '后来' WHERE operator_code = 'CW9'")
    return str(made["name"])


def restore(home: Path, *more: str) -> int:  # noqa: F811
    return main(["--home", str(home), "backup", "restore", "--json", *more, *words(home)])


def name_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as conn:
        return str(conn.execute("SELECT name FROM operator WHERE operator_code = 'CW9'").fetchone()[0])


def test_two_people_restore_and_the_store_before_is_kept(
    home: Path, backed_up: str, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    assert restore(home, backed_up, *TWO) == 0
    told: Any = answer(capsys)
    assert name_of(home / "yj.db") == "陈会计" and name_of(Path(told["aside"]) / "yj.db") == "后来"
    with closing(sqlite3.connect(home / "yj.db")) as conn:
        marks = conn.execute("SELECT operator_code, approver_code, recovered_at FROM restored").fetchall()
    assert marks == [("A01", "A02", None)]
    assert main(["--home", str(home), "audit", "verify"]) == 0
    assert restore(home, backed_up, *TWO) == 0, "and once more"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["--operator", "A01", *REASON], 1),  # alone, without a word
        (["--operator", "A01", "--approver", "A01", *REASON], 1),  # twice the same person
        (["--operator", "CW9", "--approver", "A02", *REASON], 1),  # finance does not restore
        (["--operator", "A01", "--approver", "A02"], 2),  # why?
    ],
)
def test_one_person_or_the_wrong_one_restores_nothing(
    home: Path, backed_up: str, given: list[str], code: int  # noqa: F811
) -> None:  # fmt: skip
    assert restore(home, backed_up, *given) == code
    assert name_of(home / "yj.db") == "后来" and not list(home.glob("replaced-*"))


def test_nothing_is_restored_while_the_standby_runs(home: Path, backed_up: str) -> None:  # noqa: F811
    with only_one(home.resolve(), "up"):
        assert restore(home, backed_up, *TWO) == 1
    with single_instance(f"sqlite:///{home}/yj.db", "upload"):
        assert restore(home, backed_up, *TWO) == 1
    with closing(sqlite3.connect(home / "yj.db")) as conn:  # a window server that somebody started by hand
        conn.execute("SELECT count(*) FROM operator").fetchone()
        assert restore(home, backed_up, *TWO) == 1
    assert name_of(home / "yj.db") == "后来" and not (home / "backup-work").exists()
    assert not list(home.glob("replaced-*")), "nothing was put aside"


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
def test_a_restore_for_which_there_is_no_room_says_so_and_changes_nothing(home: Path, backed_up: str) -> None:  # noqa: F811
    command = [sys.executable, "-m", "clients.console", "--home", str(home), "backup", "restore", backed_up, *TWO]
    small = f"ulimit -f 200; exec {shlex.join([*command, *words(home)])}"  # blocks of 512 or 1024 bytes
    done = subprocess.run(["bash", "-c", small], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and done.stderr.startswith("yj: backup_no_space: ")
    assert "backup-work" in done.stderr, "where room is wanted"
    assert name_of(home / "yj.db") == "后来" and not list(home.glob("replaced-*"))


def test_a_backup_of_a_newer_version_is_not_restored(
    home: Path, backed_up: str, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    """Nobody can lead back from a schema that this program has never heard of; the store in place stays as it is."""
    with closing(sqlite3.connect(home / "yj.db")) as conn, conn:
        conn.execute("UPDATE schema_version SET version_num = '9999'")
    key, work = home / "backup.key", home / "backup-work"
    store = Store(f"sqlite:///{home}/yj.db", SystemClock(ZoneInfo("Asia/Shanghai")), pool_size=2)
    try:
        newer = backup.create(store, backup.Places(home / "newer", None, key, work), Backup()).name
    finally:
        store.close()
    before = name_of(home / "yj.db")
    for verb in (["audit", "verify"], ["up"]):
        assert main(["--home", str(home), *verb]) == 1
        assert "made by a newer version" in capsys.readouterr().err
    assert restore(home, str(home / "newer" / newer), *TWO) == 1
    assert "made by a newer version" in capsys.readouterr().err
    assert name_of(home / "yj.db") == before and not list(home.glob("replaced-*"))
    assert restore(home, backed_up, *TWO) == 0, "one of this version goes back over it"


def test_a_store_that_is_damaged_is_said_to_be(
    home: Path, backed_up: str, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    (home / "yj.db").write_bytes(b"damaged " * 1024)
    for verb in (["backup", "create"], ["backup", "verify"], ["audit", "verify"], ["up"]):
        assert main(["--home", str(home), *verb]) == 1
        assert "yj: store_damaged: " in capsys.readouterr().err, verb
    assert backed_up in {path.name for path in (home / "backups").iterdir()}


def test_a_mirror_that_is_damaged_stops_no_restore_and_is_made_anew(
    home: Path, backed_up: str, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    """No backup has it: moved away, it is an empty one at the next start, which the next mirror run fills."""
    url = f"sqlite:///{home}/yj.db"
    with closing(sqlite3.connect(home / "mirror.db")) as conn:
        wanted = conn.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    for suffix in ("-wal", "-shm"):
        (home / f"mirror.db{suffix}").unlink(missing_ok=True)
    (home / "mirror.db").write_bytes(b"damaged " * 1024)
    assert restore(home, backed_up, *TWO) == 0
    assert name_of(home / "yj.db") == "陈会计"
    for verb in (["audit", "verify"], ["up"]):
        assert main(["--home", str(home), *verb]) == 1
        assert "yj: mirror_damaged: " in capsys.readouterr().err, verb
    (home / "mirror.db").rename(home / "away")
    upgrade(url, SystemClock(ZoneInfo("Asia/Shanghai")))  # what a start does first
    with closing(sqlite3.connect(home / "mirror.db")) as conn:
        found = conn.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    assert [name for name, _ in found] == [name for name, _ in wanted] and found
    assert main(["--home", str(home), "audit", "verify"]) == 0


def test_a_store_that_is_destroyed_is_no_obstacle(home: Path, backed_up: str) -> None:  # noqa: F811
    (home / "yj.db").write_bytes(b"\0" * 8192)
    assert restore(home, backed_up, *TWO) == 0
    assert name_of(home / "yj.db") == "陈会计"


def test_the_key_comes_from_paper_on_a_new_machine(home: Path, backed_up: str) -> None:  # noqa: F811
    paper = (home / "backup.key").read_text(encoding="utf-8")
    (home / "backup.key").unlink()
    assert restore(home, backed_up, *TWO) == 1
    (home.parent / "typed").write_text(paper, encoding="utf-8")
    assert restore(home, backed_up, *TWO, "--key", str(home.parent / "typed")) == 0


def test_a_rehearsal_has_a_name_and_words(
    home: Path, backed_up: str, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    assert main(["--home", str(home), "backup", "list", "--json"]) == 0
    assert [row["name"] for row in answer(capsys)["backups"]] == [backed_up]
    verify = ["--home", str(home), "backup", "verify", "--rehearsal", "保险柜里的密钥", "--operator", "A01"]
    assert main([*verify, *words(home)]) == 0
    with closing(sqlite3.connect(home / "yj.db")) as conn:
        row = conn.execute("SELECT requested_by, ok, detail FROM backup_run WHERE kind = 'rehearsal'").fetchone()
    assert row[:2] == ("A01", 1) and json.loads(row[2])["note"] == "保险柜里的密钥"


def test_a_process_that_knows_fewer_tables_opens_it_all_the_same(home: Path, backed_up: str) -> None:  # noqa: F811
    command = [sys.executable, "-m", "clients.console", "--home", str(home), "backup", "restore", backed_up]
    done = subprocess.run([*command, *TWO, *words(home)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert name_of(home / "yj.db") == "陈会计"
