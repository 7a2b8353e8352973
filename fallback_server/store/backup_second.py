"""The second place of backups: another disk or machine, touched only with a limit of time, and only if it is the one.

A share that hangs hangs whoever touches it, and nothing can stop that call. So a thread touches it, outside the lock of
backups, and is left to itself when nothing moves any more; no second one is sent after it while it hangs.

A share that is not mounted looks like an empty folder of this machine. So a marker is laid into the place when it is
used first, and the first place remembers it: where the marker is not, nothing is written.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
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
LONGEST_SECONDS: Final = 300.0  # a slow copy goes on after that, but nobody waits for it
MARKER: Final = "his-yj-second-place"
KNOWN: Final = "second-place.json"  # in the first place: which folder was marked, with what
FAILED, SLOW, ABSENT = "backup_second_failed", "backup_second_slow", "backup_second_absent"
SAME_DISK: Final = "backup_same_disk"

T = TypeVar("T")


@dataclass(frozen=True)
class Second:
    """Whether a backup lies in the second place too; why not, or that this is no other disk; what was thinned out."""

    there: bool
    code: str | None = None
    removed: tuple[str, ...] = ()


class _Absent(Exception):
    """The folder is not the one that was marked."""


class _Pulse:
    """When something moved last."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def beat(self) -> None:
        self._at = time.monotonic()

    @property
    def stalled(self) -> bool:
        return time.monotonic() - self._at > STALLED_SECONDS


def bring(
    url: str, source: Path, place: Path, spare_bytes: int, thin_out: Callable[[Path], list[str]], *,
    is_new: bool = False, longest: float = LONGEST_SECONDS,
) -> Second:  # fmt: skip
    """Put a finished backup into the second place, whole or not at all, and thin out what lies there. Raises nothing.

    `is_new`: the place was replaced by an empty one on purpose; it is marked anew. `longest`: seconds it is waited for.
    """
    pulse = _Pulse()

    def work() -> Second:
        with single_instance(url, LOCK, wait_seconds=LOCK_SECONDS):
            return _bring(source, place, spare_bytes, thin_out, is_new, pulse)

    try:
        return in_time(work, longest, pulse)
    except (TimeoutError, LockBusy):  # busy: an earlier copy still hangs
        return Second(False, SLOW)
    except _Absent:
        return Second(False, ABSENT)
    except (OSError, SQLAlchemyError):  # its lock is one of the store
        return Second(False, FAILED)


def in_time(act: Callable[[], T], longest: float, pulse: _Pulse | None = None) -> T:
    """What `act` returns or raises. Raises TimeoutError (an OSError) after so many seconds, or where its pulse stops;
    then it is left to itself, and keeps no process from ending."""
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(act())
        except Exception as error:  # noqa: BLE001  (edge of a thread: who waits for it gets whatever it is)
            found.set_exception(error)

    threading.Thread(target=run, daemon=True, name="second-place").start()
    deadline = time.monotonic() + longest
    while True:
        try:
            return found.result(min(0.5, max(0.0, deadline - time.monotonic())))
        except TimeoutError:
            if found.done():  # just now, or it is its own
                return found.result()
            if time.monotonic() >= deadline or (pulse is not None and pulse.stalled):
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
                in_time(lambda: _fetch(path, near, spare_bytes, pulse), LONGEST_SECONDS, pulse)
            except TimeoutError as error:
                raise OSError(errno.ETIMEDOUT, "does not answer in time", str(path)) from error
            yield near
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _fetch(path: Path, near: Path, spare_bytes: int, pulse: _Pulse) -> None:
    # That disk is the store's: what fills it up stops the windows.
    if shutil.disk_usage(near.parent).free < path.stat().st_size + spare_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(near.parent))
    pulse.beat()
    _copy(path, near, pulse)


def _bring(
    source: Path, place: Path, spare_bytes: int, thin_out: Callable[[Path], list[str]], is_new: bool, pulse: _Pulse
) -> Second:
    _require_marked(source.with_name(KNOWN), place, is_new)
    for part in place.glob(f"yj-*{backups.SUFFIX}.part"):
        part.unlink(missing_ok=True)
    if shutil.disk_usage(place).free < source.stat().st_size + spare_bytes:
        return Second(False, FAILED)
    pulse.beat()
    _copy(source, place / source.name, pulse)
    same = source.stat().st_dev == place.stat().st_dev
    return Second(True, SAME_DISK if same else None, tuple(thin_out(place)))


def _require_marked(known: Path, place: Path, is_new: bool) -> None:
    """Raises _Absent where the place had a marker and has it no more; marks one that is used for the first time."""
    marker = place / MARKER
    try:
        told = json.loads(known.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        told = {}
    try:
        found = marker.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        found = ""
    if told.get("place") == str(place) and not is_new:
        if found != told.get("marker"):
            raise _Absent
        return
    if not found:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = secrets.token_hex(16)
        marker.write_text(found + "\n", encoding="utf-8")
    _write_whole(known, json.dumps({"place": str(place), "marker": found}) + "\n")


def _write_whole(path: Path, text: str) -> None:
    """The old one or the new one: half of it would name no place, and any empty folder would be marked anew."""
    fresh = path.with_name(path.name + ".part")
    with fresh.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
    backup_file.sync_folder(path.parent)


def _copy(source: Path, target: Path, pulse: _Pulse) -> None:
    part = target.with_name(target.name + ".part")
    try:
        with (
            source.open("rb") as read,
            os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as out,
        ):
            while chunk := read.read(1 << 20):
                out.write(chunk)
                pulse.beat()
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
        backup_file.sync_folder(target.parent)
    except OSError:
        with suppress(OSError):  # the folder itself may be away
            part.unlink(missing_ok=True)
        raise
