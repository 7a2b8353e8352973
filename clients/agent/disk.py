"""Files of a window PC, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

LEFT_OVER: Final = ".yj-new"  # a name of ours beside the file: what a power failure left is overwritten the next time
TRIES: Final = 10  # another program holds the file open (Windows): it lets go in a moment
PAUSE: Final = 0.2


def beside(path: Path) -> Path:
    """Where the new content of `path` waits for the moment in which it takes the place of the old one."""
    return path.with_name(path.name + LEFT_OVER)


def replace_whole(
    path: Path, content: bytes, *, mode: int | None = None, rename: Callable[[Path, Path], None] = os.replace
) -> None:
    """Give `path` new content in one step: whoever reads, or finds the disk after a power failure, has all or nothing.

    Rights, and on Linux the owner, stay as they were; `mode` says those of a new file. Raises OSError.
    """
    waiting = beside(path)
    waiting.unlink(missing_ok=True)
    known = path.exists()
    handle = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode or 0o600)
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        if known:
            _as_before(path, waiting)
        elif mode is not None:
            waiting.chmod(mode)
        _rename(waiting, path, rename)
    except OSError:
        with contextlib.suppress(OSError):
            waiting.unlink(missing_ok=True)
        raise
    _remember_name(path.parent)


def _as_before(path: Path, waiting: Path) -> None:
    shutil.copymode(path, waiting)
    if sys.platform != "win32":
        before = path.stat()
        with contextlib.suppress(PermissionError):  # only root may give a file away; then the writer owns it
            os.chown(waiting, before.st_uid, before.st_gid)


def _rename(waiting: Path, path: Path, rename: Callable[[Path, Path], None]) -> None:
    for left in range(TRIES, 0, -1):
        try:
            rename(waiting, path)
        except PermissionError:
            if left == 1:
                raise
            time.sleep(PAUSE)
        else:
            return


def _remember_name(folder: Path) -> None:
    if sys.platform == "win32":  # a folder cannot be opened there; NTFS keeps a journal of names
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
