"""The second place of backups: another disk or machine, touched only with a limit of time, and only if it is the one.

A share that hangs hangs whoever touches it, and nothing can stop that call. So a thread touches it, outside the lock of
backups, and is left to itself when nothing moves any more; no second one is sent after it while it hangs.

A share that is not mounted looks like an empty folder of this machine. So a marker is laid into the place when it is
used first, and the first place remembers it: where the marker is not, nothing is written. It names the standby too: two
in one folder would thin out one another's backups.

Slow is not sick: what still moves when nobody wants to wait any longer goes on, and is told when it has ended.
"""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from fallback_server.domain import backups
from fallback_server.store import backup_file
from fallback_server.store.locks import LockBusy, single_instance

LOCK: Final = "backup-second"
FETCH: Final = "backup-fetch"  # lock and folder of a copy brought back from there
LOCK_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 20.0
STALLED_SECONDS: Final = 20.0
LONGEST_SECONDS: Final = 300.0  # for what is small; of a bigger one the slowest pace decides
SLOWEST_BYTES: Final = 500_000  # a second, of a place that is of any use
SYNC_BYTES: Final = 8 << 20  # between two times that what was written must be there: only that is moving
MARKER: Final = "his-yj-second-place"
KNOWN: Final = "second-place.json"  # in the first place: which folder was marked, with what
FAILED, SLOW, ABSENT = "backup_second_failed", "backup_second_slow", "backup_second_absent"
OTHER: Final = "backup_second_other"
UNDER_WAY: Final = "backup_second_under_way"
SAME_DISK: Final = "backup_same_disk"

T = TypeVar("T")


@dataclass(frozen=True)
class Second:
    """Whether a backup lies in the second place too; why not, or that this is no other disk; what was thinned out.

    `later`: waits for a copy that is under way and says how it ended.
    """

    there: bool
    code: str | None = None
    removed: tuple[str, ...] = ()
    later: Callable[[], Second] | None = None


class _Absent(Exception):
    """The folder is not the one that was marked."""


class _Other(Exception):
    """The folder is that of another standby."""


class _Pulse:
    """When something moved last, and how long all of it may take."""

    def __init__(self) -> None:
        self._begun = self._at = time.monotonic()
        self._longest = LONGEST_SECONDS

    def expect(self, size: int) -> None:
        """So many bytes are to be moved."""
        self._longest = max(LONGEST_SECONDS, size / SLOWEST_BYTES)

    def beat(self) -> None:
        self._at = time.monotonic()

    @property
    def lost(self) -> bool:
        """Nothing moves any more, or no faster than what is of no use."""
        now = time.monotonic()
        return now - self._at > STALLED_SECONDS or now - self._begun > self._longest


def bring(
    url: str, source: Path, place: Path, spare_bytes: int, thin_out: Callable[[Path], list[str]], *, owner: str,
    is_new: bool = False, longest: float | None = None,
) -> Second:  # fmt: skip
    """Put a finished backup into the second place, whole or not at all, and thin out what lies there. Raises nothing.

    `owner`: the installation. `is_new`: the place is another one on purpose; it is marked anew. `longest`: seconds it
    is waited for (None: as long as it moves); what moves then is under way, and lives as long as this process.
    """
    pulse = _Pulse()

    def work() -> Second:
        with single_instance(url, LOCK, wait_seconds=LOCK_SECONDS):
            _require_marked(source.with_name(KNOWN), place, owner, is_new)
            return _bring(source, place, spare_bytes, thin_out, pulse)

    found = _begun(work)
    told = _told(found, longest, pulse)
    if found.done():  # just now, perhaps
        return _told(found, longest, pulse)
    return told if pulse.lost else Second(False, UNDER_WAY, later=lambda: _told(found, None, pulse))


def _told(found: Future[Second], longest: float | None, pulse: _Pulse) -> Second:
    try:
        return _waited(found, longest, pulse)
    except (TimeoutError, LockBusy):  # busy: an earlier copy still hangs
        return Second(False, SLOW)
    except _Absent:
        return Second(False, ABSENT)
    except _Other:
        return Second(False, OTHER)
    except (OSError, SQLAlchemyError):  # its lock is one of the store
        return Second(False, FAILED)


def in_time(act: Callable[[], T], longest: float) -> T:
    """What `act` returns or raises. Raises TimeoutError (an OSError) after so many seconds; then it is left to itself,
    and keeps no process from ending."""
    return _waited(_begun(act), longest)


def _begun(act: Callable[[], T]) -> Future[T]:
    """`act` in a thread of its own, which keeps no process from ending."""
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(act())
        except Exception as error:  # noqa: BLE001  (edge of a thread: who waits for it gets whatever it is)
            found.set_exception(error)

    threading.Thread(target=run, daemon=True, name="second-place").start()
    return found


def _waited(found: Future[T], longest: float | None, pulse: _Pulse | None = None) -> T:
    """Raises TimeoutError after so many seconds, or where its pulse is lost."""
    deadline = math.inf if longest is None else time.monotonic() + longest
    while True:
        try:
            return found.result(min(0.5, max(0.0, deadline - time.monotonic())))
        except TimeoutError:
            if found.done():  # just now, or it is its own
                return found.result()
            if time.monotonic() >= deadline or (pulse is not None and pulse.lost):
                raise


def seen(place: Path | None, look: Callable[[Path], list[T]]) -> list[T]:
    """What a look into the second place finds; nothing where it is sick: it hides nothing of the first."""
    if place is None:
        return []
    try:
        return in_time(lambda: look(place), LOOK_SECONDS)
    except OSError:
        return []


@contextmanager
def fetched(url: str, path: Path, folder: Path, spare_bytes: int) -> Iterator[Path]:
    """A backup of the second place in a file of this machine, for as long as the block: whoever reads it holds locks.

    Raises OSError (ETIMEDOUT where the place does not give it in time, ENOSPC where there is no room for it here), and
    LockBusy while another is fetched.
    """
    # A folder of its own each time: an earlier copy that hung may go on into the one before.
    pulse, near = _Pulse(), folder / secrets.token_hex(8) / path.name
    with single_instance(url, FETCH, wait_seconds=LONGEST_SECONDS):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            near.parent.mkdir(mode=0o700, parents=True)
            try:
                _waited(_begun(lambda: _fetch(path, near, spare_bytes, pulse)), None, pulse)
            except TimeoutError as error:
                raise OSError(errno.ETIMEDOUT, "does not answer in time", str(path)) from error
            yield near
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _fetch(path: Path, near: Path, spare_bytes: int, pulse: _Pulse) -> None:
    # That disk is the store's: what fills it up stops the windows.
    size = path.stat().st_size
    if shutil.disk_usage(near.parent).free < size + spare_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(near.parent))
    pulse.expect(size)
    pulse.beat()
    _copy(path, near, pulse)


def _bring(
    source: Path, place: Path, spare_bytes: int, thin_out: Callable[[Path], list[str]], pulse: _Pulse
) -> Second:  # fmt: skip
    for part in place.glob(f"yj-*{backups.SUFFIX}.part"):
        part.unlink(missing_ok=True)
    size = source.stat().st_size
    if shutil.disk_usage(place).free < size + spare_bytes:
        return Second(False, FAILED)
    pulse.expect(size)
    pulse.beat()
    _copy(source, place / source.name, pulse)
    same = source.stat().st_dev == place.stat().st_dev
    return Second(True, SAME_DISK if same else None, tuple(thin_out(place)))


def _require_marked(known: Path, place: Path, owner: str, is_new: bool) -> None:
    """Raises _Absent where the place had a marker and has it no more, _Other where it has that of another standby;
    marks one that is used for the first time."""
    marker = place / MARKER
    try:
        told = json.loads(known.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        told = {}
    try:
        found, whose, *_ = [*marker.read_text(encoding="utf-8").split(), "", ""]
    except FileNotFoundError:
        found = whose = ""
    if told.get("place") == str(place) and not is_new:
        if found != told.get("marker"):
            raise _Absent
        return
    stranger = whose not in ("", owner)
    if stranger and not is_new:
        raise _Other
    if not found or stranger:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = secrets.token_hex(16)
        _write_whole(marker, f"{found} {owner}\n")
    _write_whole(known, json.dumps({"place": str(place), "marker": found}) + "\n")


def _write_whole(path: Path, text: str) -> None:
    """Half of what is remembered would name no place, and any empty folder would be marked anew; half a marker would be
    none, and the place away for ever. A standby of another account must be able to read whose place it is."""
    with backup_file.whole(path, 0o644) as out:
        out.write(text.encode())


def _copy(source: Path, target: Path, pulse: _Pulse) -> None:
    with source.open("rb") as read, backup_file.whole(target) as out:
        written = 0
        while chunk := read.read(1 << 20):
            out.write(chunk)
            written += len(chunk)
            if written % SYNC_BYTES == 0:  # a full memory would take it all at once, and then say nothing for long
                backup_file.to_disk(out)
            pulse.beat()
