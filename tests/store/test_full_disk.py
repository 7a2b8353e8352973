"""The disk is full, or takes nothing any more: everybody is told, nothing is half written, and with room it goes on."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, func, select, text
from sqlalchemy.exc import OperationalError

from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.numbers import new_ulid
from fallback_server.store import audit as audit_log
from fallback_server.store.cash import charge as charges
from fallback_server.store.session import Store
from sync.mirror.run import _refused_by_store
from tests.fixtures_hospital import Hospital
from tests.windows.money_cast import cash, items

BLOOD_COUNT = {**items(("F001", 1)), "payments": [cash("25.00")], "expected_total": "25.00"}


def count(hospital: Hospital) -> int:
    with hospital.store.reading() as tx:
        assert audit_log.verify(tx.conn)[1] == []
        return int(tx.conn.execute(select(func.count()).select_from(charges)).scalar_one())


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = _mount("-t", "tmpfs", "-o", "size=16m", "yj-test", str(folder))
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip() or 'mount failed'}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=30)


def _mount(*words: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("mount") is None or os.geteuid() != 0:
        return subprocess.CompletedProcess(words, 1, "", "only root may")
    return subprocess.run(["mount", *words], capture_output=True, text=True, check=False, timeout=30)


@pytest.fixture
def on_disk(disk: Path, sqlite_template: Path, clock: SettableClock, hospital_settings: Settings) -> Iterator[Hospital]:
    """The small hospital on the small disk, in YJ mode."""
    for file in sqlite_template.iterdir():
        shutil.copy(file, disk / file.name)
    url = f"sqlite:///{disk}/yj.db"
    store = Store(url, clock, pool_size=4)
    made = Hospital(url, clock, store, create_app(hospital_settings, clock, store=store))
    made.emergency()
    yield made
    store.close()


def fill(folder: Path) -> Path:
    """A file that takes all the room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(b"x" * 4096)
    return filler


def test_charges_on_a_full_disk_are_refused_in_words_and_go_on_when_there_is_room(
    on_disk: Hospital, disk: Path
) -> None:
    window = on_disk.window("cashier")
    assert window.post("/charges", BLOOD_COUNT).status == 201
    filler, taken, refused = fill(disk), 1, ""
    for _ in range(200):  # the log of the store may have room of its own for a while
        key = new_ulid(on_disk.clock.now())
        reply = window.post("/charges", BLOOD_COUNT, key=key)
        if reply.status != 201:
            refused = key
            break
        taken += 1
    assert (reply.status, reply.code) == (503, "store_full") and refused
    assert "磁盘已满" in reply.json["detail"] and "没有保存" in reply.json["detail"] and "room" in reply.json["hint"]
    assert window.get("/departments").status == 200, "what only reads goes on"
    assert count(on_disk) == taken
    filler.unlink()
    assert window.post("/charges", BLOOD_COUNT, key=refused).status == 201
    assert window.post("/charges", BLOOD_COUNT, key=refused).headers["Idempotency-Replayed"] == "true"
    assert count(on_disk) == taken + 1
    assert [row["sequence"] for row in on_disk.outbox()] == list(range(1, len(on_disk.outbox()) + 1))


def test_a_disk_that_became_read_only_is_told_apart_from_a_full_one(
    on_disk: Hospital, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    window = on_disk.window("cashier")
    assert window.post("/charges", BLOOD_COUNT).status == 201
    on_disk.store.close()
    assert _mount("-o", "remount,ro", str(disk)).returncode == 0
    reply = window.post("/charges", BLOOD_COUNT, key="key-0000001")
    assert (reply.status, reply.code) == (503, "store_read_only")
    assert "只读" in reply.json["detail"]
    on_disk.store.close()
    assert _mount("-o", "remount,rw", str(disk)).returncode == 0
    assert window.post("/charges", BLOOD_COUNT, key="key-0000001").status == 201
    assert count(on_disk) == 2


def test_a_store_that_may_not_grow_says_that_it_is_full(
    sqlite_store_url: str, clock: SettableClock, hospital_settings: Settings
) -> None:
    """The same without a disk of its own: a limit on the file does what the end of a disk does."""
    store = Store(sqlite_store_url, clock, pool_size=4)
    hospital = Hospital(sqlite_store_url, clock, store, create_app(hospital_settings, clock, store=store))
    hospital.emergency()
    window, limit = hospital.window("cashier"), {"pages": 0}

    def held(connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit['pages'] or 1 << 30}")

    event.listen(store.engine, "checkout", held)
    assert window.post("/charges", BLOOD_COUNT).status == 201
    with store.reading() as tx:
        limit["pages"] = int(tx.conn.execute(text("PRAGMA page_count")).scalar_one())
    keys = [new_ulid(clock.now()) for _ in range(200)]
    answers = {key: window.post("/charges", BLOOD_COUNT, key=key) for key in keys}
    refused = [key for key, reply in answers.items() if reply.status != 201]
    assert refused and {answers[key].code for key in refused} == {"store_full"}
    limit["pages"] = 0
    assert {window.post("/charges", BLOOD_COUNT, key=key).status for key in keys} == {201}
    assert count(hospital) == 1 + len(keys)
    store.close()


def test_a_file_that_is_no_store_any_more_is_said_to_be_damaged(hospital: Hospital) -> None:
    if not hospital.url.startswith("sqlite"):
        pytest.skip("PostgreSQL looks after its own files")
    hospital.emergency()
    window = hospital.window("cashier")
    hospital.store.close()
    path = Path(hospital.url.removeprefix("sqlite:///"))
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    for reply in (window.post("/charges", BLOOD_COUNT), window.get("/mode")):
        assert (reply.status, reply.code) == (503, "store_damaged")
        assert "通知信息科" in reply.json["detail"] and "backup" in reply.json["hint"]


def test_a_mirror_run_that_finds_no_room_says_so_and_no_row_s_values() -> None:
    with create_engine("sqlite://").connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        connection.exec_driver_sql("PRAGMA max_page_count = 2")
        with pytest.raises(OperationalError) as full:
            connection.exec_driver_sql("INSERT INTO t VALUES ('SECRET-NAME' || zeroblob(100000))")
    said = _refused_by_store(full.value)
    assert "磁盘已满" in said.zh and "room" in said.en and "SECRET" not in said.en


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_the_command_line_says_that_the_disk_takes_nothing(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from clients.console import context
    from clients.console.main import main

    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / "yj.toml"))

    monkeypatch.setattr(context.Instance, "settings", property(refuse))
    assert main(["--home", str(tmp_path), "mode", "show"]) == 1
    said = capsys.readouterr().err
    assert "yj.toml" in said and "room" in said and "Traceback" not in said
