"""A backup is whole, sealed and can be restored, or it is not there and somebody is told."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from config.sections import Backup
from fallback_server.domain import backups
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.domain.readiness import Standards
from fallback_server.store import alarms, backup, backup_file, backup_opening, backup_rows, backup_second, readiness
from fallback_server.store.locks import single_instance
from fallback_server.store.mode import installation
from fallback_server.store.session import Actor, Store
from tests.fixtures_hospital import Hospital
from tests.store.test_full_disk import disk  # noqa: F401  (fixture)

CLERK = Actor("0801", "卫信息", frozenset({"admin"}))
RULES = Backup()
WITH_SECOND = Policy(standards=Standards(backup_second_place=True))
MIDNIGHT = datetime(2026, 11, 23, tzinfo=ZoneInfo("Asia/Shanghai"))

only_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@pytest.fixture
def places(tmp_path: Path) -> backup.Places:
    return backup.Places(tmp_path / "first", tmp_path / "second", tmp_path / "backup.key", tmp_path / backup.WORK)


def kinds(store: Store) -> list[str]:
    with store.reading() as tx:
        return [row["kind"] for row in alarms.on(tx.conn) if row["subject"].split(".")[0] == backup.ALARM]


def write(store: Store, times: int = 1, text: str = "x") -> None:
    for _ in range(times):
        with store.writing(Permit.HOUSEKEEPING, CLERK) as tx:
            tx.audit("trial", text=text)


@only_sqlite
def test_a_backup_lies_in_two_places_and_is_restored_with_every_row(hospital: Hospital, places: backup.Places) -> None:
    write(hospital.store, 5)
    assert places.second is not None
    places.second.mkdir()
    (places.second / "yj-20261122T000000Z-00000000.yjb.part").touch()  # of a run that was killed
    made = backup.create(hospital.store, places, RULES)
    assert made.second is True and backup.names_in(places.directory) == backup.names_in(places.second) == [made.name]
    told = backup_opening.verify(hospital.store, places, made.name)
    assert told["manifest"]["rows"]["audit"] >= 5 and told["manifest"]["audit_head"]["sequence"] >= 5
    with hospital.store.reading() as tx:
        last = backup_rows.last(tx.conn, backup_rows.VERIFY)
        assert last is not None and last["ok"] and last["name"] == made.name
    assert not list(places.key.parent.rglob("*.part")) and not list(places.key.parent.rglob(backup.WORK))


@only_sqlite
def test_nothing_of_a_patient_can_be_read_in_a_backup_and_only_its_owner_has_the_key(
    hospital: Hospital, places: backup.Places
) -> None:
    write(hospital.store, text="SECRET-NAME")
    made = backup.create(hospital.store, places, RULES)
    content = (places.directory / made.name).read_bytes()
    assert b"SECRET-NAME" not in content and b"SQLite format" not in content
    for path in (places.key, places.directory / made.name):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_typed_in_from_paper_is_the_same_key_and_a_slip_is_seen(tmp_path: Path) -> None:
    key = backup_file.make_key(tmp_path / "a.key")
    lines = (tmp_path / "a.key").read_text(encoding="utf-8").splitlines()
    (tmp_path / "typed.key").write_text("\n".join(line.lower() for line in lines[1:]), encoding="utf-8")
    assert backup_file.read_key(tmp_path / "typed.key") == key
    slip = lines[1].replace(lines[1][0], "A" if lines[1][0] != "A" else "B", 1)
    (tmp_path / "typed.key").write_text(f"{slip}\n{lines[2]}", encoding="utf-8")
    with pytest.raises(YjError) as refused:
        backup_file.read_key(tmp_path / "typed.key")
    assert refused.value.code == "backup_wrong_key"


def _cut(content: bytes) -> bytes:
    return content[:-40]


def _cut_at_a_chunk(content: bytes) -> bytes:
    """Without the last chunk: every chunk that is left is sound."""
    start = len(backup_file.MAGIC)
    at = start + 4 + int.from_bytes(content[start : start + 4], "big")
    while True:
        following = at + 4 + int.from_bytes(content[at : at + 4], "big")
        if following >= len(content):
            return content[:at]
        at = following


def _byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _more(content: bytes) -> bytes:
    return content + content[-20:]


def _other_counts(content: bytes) -> bytes:
    return content.replace(b'"epoch": 0', b'"epoch": 7', 1)


@only_sqlite
@pytest.mark.parametrize("harm", [_cut, _cut_at_a_chunk, _byte, _more, _other_counts])
def test_a_backup_that_was_cut_off_or_changed_is_not_restored(
    hospital: Hospital, places: backup.Places, harm: Callable[[bytes], bytes]
) -> None:
    made = backup.create(hospital.store, places, RULES)
    path = places.directory / made.name
    harmed = harm(path.read_bytes())
    assert harmed != path.read_bytes()
    path.write_bytes(harmed)
    with pytest.raises(YjError) as refused:
        backup_opening.verify(hospital.store, places, str(path))
    assert refused.value.code == "backup_damaged" and kinds(hospital.store) == ["damaged"]
    newer = backup.create(hospital.store, places, RULES)
    assert kinds(hospital.store) == ["damaged"], "one that is made says nothing about whether it opens"
    assert backup_opening.verify(hospital.store, places, str((places.second or path) / made.name))["name"] == made.name
    assert kinds(hospital.store) == ["damaged"], "one place says nothing about the other"
    backup_opening.verify(hospital.store, places, newer.name, place="first")
    assert kinds(hospital.store) == []


@only_sqlite
def test_a_backup_that_cannot_be_opened_now_is_not_called_damaged(
    hospital: Hospital, places: backup.Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backup.create(hospital.store, places, RULES)
    greedy = replace(places, spare_bytes=1 << 60)

    def copied(*_: object) -> None:
        raise AssertionError("there is no room for it")

    with monkeypatch.context() as patch:
        patch.setattr(backup_second, "_copy", copied)
        with pytest.raises(YjError, match="backup_no_space"):
            backup_opening.verify(hospital.store, greedy, made.name, place="second")
    assert kinds(hospital.store) == ["unopened"]
    backup_opening.verify(hospital.store, places, made.name, place="first")
    assert kinds(hospital.store) == ["unopened"], "one place says nothing about the other"
    backup_opening.verify(hospital.store, places, made.name, place="second")
    assert kinds(hospital.store) == []


@only_sqlite
def test_another_key_opens_nothing_and_a_lost_key_is_never_replaced_in_silence(
    hospital: Hospital, places: backup.Places, tmp_path: Path
) -> None:
    made = backup.create(hospital.store, places, RULES)
    backup_file.make_key(tmp_path / "other.key")
    with pytest.raises(YjError) as refused:
        backup_opening.verify(hospital.store, places, made.name, key=tmp_path / "other.key")
    assert refused.value.code == "backup_wrong_key"
    places.key.unlink()
    with pytest.raises(YjError) as missing:
        backup.create(hospital.store, places, RULES)
    assert missing.value.code == "backup_key_missing" and not places.key.exists()


@only_sqlite
def test_windows_write_while_a_backup_is_made_and_it_shows_one_moment(
    hospital: Hospital, places: backup.Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(hospital.store, 40, "x" * 20_000)
    monkeypatch.setattr(backup, "STEP_PAGES", 4)
    monkeypatch.setattr(backup, "BREATH_SECONDS", 0.005)
    longest, stop = [0.0], threading.Event()

    def window() -> None:
        while not stop.is_set():
            begun = time.monotonic()
            write(hospital.store)
            longest.append(time.monotonic() - begun)

    thread = threading.Thread(target=window)
    thread.start()
    try:
        made = backup.create(hospital.store, places, RULES)
    finally:
        stop.set()
        thread.join()
    assert made.seconds > 0.2 and len(longest) > 10, "windows wrote all the time"
    assert max(longest) < max(5.0, made.seconds)
    assert backup_opening.verify(hospital.store, places)["manifest"]["audit_head"] == made.manifest["audit_head"]


@only_sqlite
def test_a_full_disk_is_said_and_leaves_nothing_that_looks_like_a_backup(
    hospital: Hospital, places: backup.Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(backup, "require_room", lambda place, wanted: None)
        patch.setattr(backup_file, "_seal", _disk_full)
        with pytest.raises(YjError) as refused:
            backup.create(hospital.store, places, RULES)
    assert refused.value.code == "backup_no_space" and kinds(hospital.store) == ["failed"]
    assert list(places.directory.iterdir()) == []
    backup.create(hospital.store, places, RULES)
    assert kinds(hospital.store) == [], "the next good one takes the alarm back"


def _disk_full(*_: object) -> None:
    raise OSError(28, os.strerror(28), "first")


@only_sqlite
def test_a_real_disk_that_fills_up_under_a_backup_keeps_nothing_of_it(
    hospital: Hospital, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    places = backup.Places(disk / "first", None, tmp_path / "backup.key", tmp_path / backup.WORK)
    monkeypatch.setattr(backup, "require_room", lambda place, wanted: None)  # there was room when it was asked for
    filler = disk / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(disk).free - 8_192))
    with pytest.raises(YjError) as refused:
        backup.create(hospital.store, places, RULES)
    assert refused.value.code == "backup_no_space" and kinds(hospital.store) == ["failed"]
    assert list(places.directory.iterdir()) == []
    filler.unlink()
    made = backup.create(hospital.store, places, RULES)
    assert backup_opening.verify(hospital.store, places)["name"] == made.name and kinds(hospital.store) == []


@only_sqlite
def test_a_second_place_that_is_away_is_an_alarm_and_keeps_the_first(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "share").write_text("not a folder", encoding="utf-8")
    key, work = tmp_path / "backup.key", tmp_path / backup.WORK
    places = backup.Places(tmp_path / "first", tmp_path / "share" / "second", key, work)
    made = backup.create(hospital.store, places, RULES)
    assert made.second is False and backup.names_in(places.directory) == [made.name]
    assert kinds(hospital.store) == ["second"]


@only_sqlite
def test_a_second_place_that_only_gives_errors_stops_no_backup(hospital: Hospital, tmp_path: Path) -> None:
    # A name that is too long is an error for every look at it, as a share that hangs or is shut is.
    key, work, sick = tmp_path / "backup.key", tmp_path / backup.WORK, tmp_path / ("x" * 300)
    with pytest.raises(OSError):
        sick.is_dir()
    places = backup.Places(tmp_path / "first", sick, key, work)
    made = backup.create(hospital.store, places, RULES)
    assert made.second is False and kinds(hospital.store) == ["second"]
    assert [row["places"] for row in backup.listed(places)] == [["first"]]
    assert backup_opening.verify(hospital.store, places)["name"] == made.name


@only_sqlite
@pytest.mark.skipif(sys.platform == "win32", reason="pipes with a name")
def test_a_second_place_that_hangs_holds_nobody_up_and_is_an_alarm(
    hospital: Hospital, places: backup.Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.create(hospital.store, places, RULES)
    assert places.second is not None
    marker = places.second / backup_second.MARKER
    told = marker.read_text(encoding="utf-8")
    marker.unlink()
    os.mkfifo(marker)  # whoever opens it waits until somebody writes
    for name, seconds in (("STALLED_SECONDS", 0.3), ("LOCK_SECONDS", 0.2), ("LOOK_SECONDS", 20.0)):
        monkeypatch.setattr(backup_second, name, seconds)
    try:
        made = backup.create(hospital.store, places, RULES)
        assert made.second is False and kinds(hospital.store) == ["second_slow"]
        assert backup_opening.verify(hospital.store, places, made.name)["name"] == made.name, "the lock is free"
        again = backup.create(hospital.store, places, RULES)
        assert (again.second, again.code) == (False, "backup_second_slow"), "no second one is sent after it"
    finally:
        with marker.open("w", encoding="utf-8") as pipe:  # what hung goes on
            pipe.write(told)
    marker.unlink()
    marker.write_text(told, encoding="utf-8")
    monkeypatch.setattr(backup_second, "STALLED_SECONDS", 20.0)
    monkeypatch.setattr(backup_second, "LOCK_SECONDS", 20.0)
    assert backup.create(hospital.store, places, RULES).second is True and kinds(hospital.store) == []
    assert made.name in backup.names_in(places.second), "it was finished when the place came back"


@only_sqlite
def test_a_second_place_without_any_backup_yet_is_no_backup_that_cannot_be_opened(
    hospital: Hospital, places: backup.Places
) -> None:
    assert places.second is not None
    places.second.mkdir(parents=True, exist_ok=True)
    with pytest.raises(YjError, match="backup_not_found"):
        backup_opening.verify(hospital.store, places, place="second")
    assert kinds(hospital.store) == []


@only_sqlite
@pytest.mark.parametrize("sound", [True, False])
def test_a_slow_second_place_is_no_alarm_and_its_end_is_told(
    hospital: Hospital, places: backup.Places, monkeypatch: pytest.MonkeyPatch, sound: bool
) -> None:
    """A copy that still moves when an upload waits no longer goes on behind its back."""
    end, copied = threading.Event(), backup_second._copy

    def slowly(source: Path, target: Path, pulse: backup_second._Pulse) -> None:
        while not end.wait(0.02):
            pulse.beat()
        if not sound:
            raise OSError(5, os.strerror(5), str(target))
        copied(source, target, pulse)

    monkeypatch.setattr(backup_second, "_copy", slowly)
    made = backup.create(hospital.store, places, RULES, second_seconds=0.2)
    assert (made.second, made.code) == (False, "backup_second_under_way") and kinds(hospital.store) == []
    with hospital.store.reading() as tx:
        assert made.code in [one.code for one in readiness.findings(tx, WITH_SECOND)], "but it is not there yet"
    end.set()
    wanted = (True, "backup_same_disk", []) if sound else (False, "backup_second_failed", ["second"])
    found: tuple[object, ...] = ()
    deadline = time.monotonic() + 30
    while found != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
        with hospital.store.reading() as tx:
            row = backup_rows.last(tx.conn, backup_rows.BACKUP)
        assert row is not None
        found = row["detail"]["second"], row["code"], kinds(hospital.store)
    assert found == wanted and backup.names_in(places.second) == [made.name] * sound


@only_sqlite
def test_a_share_that_is_not_mounted_is_no_second_place(
    hospital: Hospital, places: backup.Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.create(hospital.store, places, RULES)
    assert places.second is not None
    mounted = places.second.rename(places.second.with_name("unmounted"))
    places.second.mkdir()  # the empty folder under it
    made = backup.create(hospital.store, places, RULES)
    assert made.second is False and list(places.second.iterdir()) == [] and kinds(hospital.store) == ["second_absent"]
    with hospital.store.reading() as tx:
        assert "backup_second_absent" in [one.code for one in readiness.findings(tx, WITH_SECOND)]
    places.second.rmdir()
    mounted.rename(places.second)
    assert backup.create(hospital.store, places, RULES).second is True and kinds(hospital.store) == []
    (places.second / backup_second.MARKER).unlink()  # replaced by another one, on purpose
    known = places.directory / backup_second.KNOWN
    before = known.read_text(encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", _disk_full)  # the power goes before the new one is in its place
        with pytest.raises(OSError):
            backup_second._require_marked(known, places.second, "ours", True)
    assert known.read_text(encoding="utf-8") == before
    assert backup.create(hospital.store, places, RULES, second_is_new=True).second is True
    assert backup.create(hospital.store, places, RULES).second is True


def test_a_marker_and_a_key_are_whole_or_not_there(disk: Path, tmp_path: Path) -> None:  # noqa: F811
    """Half a marker would be another one: the place would be away for ever."""
    known, place = tmp_path / backup_second.KNOWN, disk / "second"
    place.mkdir()
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as out:
        while True:
            out.write(b"x" * 4096)
    with pytest.raises(OSError):
        backup_second._require_marked(known, place, "ours", False)
    with pytest.raises(OSError):
        backup_file.make_key(disk / "backup.key")
    assert not list(disk.glob("backup.key*")), "half a key would be a wrong one"
    assert list(place.iterdir()) == [] and not known.exists()
    filler.unlink()
    backup_second._require_marked(known, place, "ours", False)
    assert [path.name for path in place.iterdir()] == [backup_second.MARKER]
    backup_second._require_marked(known, place, "ours", False)
    backup_file.make_key(disk / "backup.key")


@only_sqlite
def test_two_standbys_do_not_share_a_second_place(hospital: Hospital, places: backup.Places, tmp_path: Path) -> None:
    """They would thin out one another's backups, and each would try to open what the other made last."""
    backup.create(hospital.store, places, RULES)
    other = replace(places, directory=tmp_path / "other")
    with hospital.store.writing(Permit.HOUSEKEEPING, CLERK) as tx:
        tx.conn.execute(update(installation).values(installation_id="OTHER"))
    made = backup.create(hospital.store, other, RULES)
    assert (made.second, made.code) == (False, "backup_second_other") and kinds(hospital.store) == ["second_other"]
    assert made.name not in backup.names_in(places.second)
    with hospital.store.reading() as tx:
        assert "backup_second_other" in [one.code for one in readiness.findings(tx, WITH_SECOND)]
    assert backup.create(hospital.store, other, RULES, second_is_new=True).second is True, "taken over on purpose"
    assert backup.create(hospital.store, other, RULES).second is True
    assert backup.create(hospital.store, places, RULES).code == "backup_second_absent", "and the former one is told"


@only_sqlite
def test_a_share_that_cannot_sync_a_folder_is_a_second_place(
    hospital: Hospital, places: backup.Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As shares of Windows are: they take files, and answer EINVAL where a folder is to be brought to the disk."""
    sync = os.fsync

    def as_a_share(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", as_a_share)
    made = backup.create(hospital.store, places, RULES)
    assert made.second is True and kinds(hospital.store) == []


@only_sqlite
def test_a_verification_that_could_not_be_is_seen(
    hospital: Hospital, places: backup.Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind another that does not end, or out of a place that is away: a row, an alarm and readiness say so."""

    def seen() -> tuple[list[str], set[str]]:
        with hospital.store.reading() as tx:
            codes = {one.values["code"] for one in readiness.findings(tx, WITH_SECOND) if one.subject == "opened"}
        return kinds(hospital.store), codes

    made = backup.create(hospital.store, places, RULES)
    backup_opening.verify(hospital.store, places, made.name)
    for name, module in (("WAIT_SECONDS", backup), ("WAIT_SECONDS", backup_opening)):
        monkeypatch.setattr(module, name, 0.2)
    with single_instance(hospital.store.url, backup.LOCK, wait_seconds=0):
        with pytest.raises(YjError, match="backup_busy"):
            backup_opening.verify(hospital.store, places, made.name)
        assert seen() == (["unopened"], {"backup_busy"})
        with pytest.raises(YjError, match="backup_busy"):
            backup.create(hospital.store, places, RULES)
        assert sorted(kinds(hospital.store)) == ["failed", "unopened"]
    backup.create(hospital.store, places, RULES)
    backup_opening.verify(hospital.store, places, made.name, place="first")
    assert seen() == ([], set())
    assert places.second is not None
    away = places.second.rename(places.second.with_name("away"))
    with pytest.raises(YjError, match="backup_not_found"):
        backup_opening.verify(hospital.store, places, made.name, place="second")
    assert seen() == (["unopened"], {"backup_not_found"})
    away.rename(places.second)
    backup_opening.verify(hospital.store, places, made.name, place="second")
    with pytest.raises(YjError, match="backup_not_found"):
        backup_opening.verify(hospital.store, places, "mistyped")
    assert seen() == ([], set()), "nothing was to be opened"


@only_sqlite
def test_a_backup_that_nobody_opened_again_is_not_fine(hospital: Hospital, places: backup.Places) -> None:
    def found() -> set[str]:
        with hospital.store.reading() as tx:
            return {one.code for one in readiness.findings(tx, WITH_SECOND) if one.subject == "opened"}

    assert found() == set(), "there is none to open"
    made = backup.create(hospital.store, places, RULES)
    assert found() == {"backup_unopened"}
    backup_opening.verify(hospital.store, places, made.name, place="second")
    assert found() == set()
    assert places.second is not None
    (places.second / made.name).write_bytes(_byte((places.second / made.name).read_bytes()))
    with pytest.raises(YjError, match="backup_damaged"):
        backup_opening.verify(hospital.store, places, made.name, place="second")
    assert found() == {"backup_not_opened"}
    backup_opening.verify(hospital.store, places, made.name, place="first")
    hospital.clock.advance(3 * 86_400)
    assert found() == {"backup_unopened"}


@only_sqlite
def test_two_places_on_one_disk_are_not_fine(hospital: Hospital, places: backup.Places) -> None:
    made = backup.create(hospital.store, places, RULES)
    assert (made.second, made.code) == (True, "backup_same_disk") and kinds(hospital.store) == []
    with hospital.store.reading() as tx:
        found = next(one for one in readiness.findings(tx, WITH_SECOND) if one.code == "backup_same_disk")
    assert found.ok is None


@only_sqlite
def test_room_is_asked_for_before_anything_is_written(hospital: Hospital, places: backup.Places) -> None:
    greedy = backup.Places(places.directory, None, places.key, places.work, spare_bytes=1 << 60)
    with pytest.raises(YjError) as refused:
        backup.create(hospital.store, greedy, RULES)
    assert refused.value.code == "backup_no_space" and list(places.directory.iterdir()) == []


KILLED = """
import sys, time
from config.sections import Backup
from pathlib import Path
from zoneinfo import ZoneInfo
from fallback_server.domain.clock import SystemClock
from fallback_server.store import backup, backup_opening, backup_file
from fallback_server.store.session import Store

url, first, key = sys.argv[1:]
sealed = backup_file._seal

def slowly(out, *rest):
    sealed(out, *rest)
    out.flush()
    sys.stdout.write("half way\\n")
    sys.stdout.flush()
    time.sleep(60)

backup_file._seal = slowly
store = Store(url, SystemClock(ZoneInfo("Asia/Shanghai")), pool_size=2)
backup.create(store, backup.Places(Path(first), None, Path(key), Path(key).with_name("backup-work")), Backup())
"""


@only_sqlite
def test_a_backup_that_was_killed_half_way_is_never_taken_for_one(hospital: Hospital, places: backup.Places) -> None:
    first = backup.create(hospital.store, places, RULES)
    command = [sys.executable, "-c", KILLED, hospital.store.url, str(places.directory), str(places.key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "half way\n"
        os.kill(child.pid, signal.SIGKILL)
    assert len(list(places.directory.glob("*.part"))) == 1, "it left something half written"
    assert backup.names_in(places.directory) == [first.name] and backup.find(places, None).name == first.name
    backup.create(hospital.store, places, RULES)
    assert not list(places.directory.glob("*.part"))
    with closing(sqlite3.connect(hospital.store.url.removeprefix("sqlite:///"))) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


# -- when, and how long ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "hours_since_good", "minutes_since_try", "wanted"),
    [
        ("normal", None, None, True),  # never
        ("normal", 3, None, False),  # 08:30, made at 05:30
        ("normal", 8, None, True),  # made at 00:30, before 01:30
        ("emergency", 0.2, None, False),
        ("emergency", 0.3, None, True),  # more than a quarter of an hour
        ("returning", 0.3, None, True),
        ("emergency", 5, 2, False),  # failed two minutes ago
        ("emergency", 5, 6, True),
    ],
)
def test_a_backup_is_due_once_a_day_and_every_quarter_of_an_hour_in_an_outage(
    mode: str, hours_since_good: float | None, minutes_since_try: float | None, wanted: bool
) -> None:
    now = MIDNIGHT + timedelta(hours=8, minutes=30)
    good = now - timedelta(hours=hours_since_good) if hours_since_good is not None else None
    tried = now - timedelta(minutes=minutes_since_try) if minutes_since_try is not None else good
    assert backups.due(now, mode, good, tried, RULES) is wanted


def test_old_backups_go_but_the_newest_of_a_day_and_of_a_month_stay() -> None:
    now = MIDNIGHT + timedelta(days=1)
    times = [now - timedelta(hours=6 * step) for step in range(4 * 500)]
    names = [backups.file_name(at, f"{number:08x}") for number, at in enumerate(times)]
    gone = set(backups.superfluous([*names, "notes.txt", names[0] + ".part"], now, RULES))
    left = [name for name in names if name not in gone]
    days = {at.astimezone(now.tzinfo).date() for name in left if (at := backups.made_at(name))}
    assert set(names[:9]) <= set(left) and "notes.txt" not in gone and names[0] + ".part" not in gone
    assert {(now - timedelta(days=back)).date() for back in range(30)} <= days
    assert len(days) <= 30 + 12 and len(left) < 9 + 30 + 12 + 2


def test_the_only_backup_stays_however_old_it_is() -> None:
    name = backups.file_name(MIDNIGHT - timedelta(days=4000), "0" * 8)
    assert backups.superfluous([name], MIDNIGHT, RULES) == []
