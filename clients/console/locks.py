"""One process of a kind for one instance: a lock on a file that dies with its holder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from clients.console.context import NotInOrder

if TYPE_CHECKING:
    from clients.console.output import Output


@contextmanager
def only_one(home: Path, name: str) -> Iterator[None]:
    """Hold `home/run/<name>.lock`. Raises NotInOrder, naming the holder, while another process has it."""
    folder = home / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    with path.open("a+", encoding="ascii") as stream:
        if not _try_lock(stream):
            stream.seek(0)
            holder = stream.read(20).strip() or "unknown"
            raise NotInOrder(f"{name} runs already for {home} (process {holder}); stop that one first")
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield


def holder(home: Path, name: str) -> int | None:
    """The process that holds the lock now, or None: a number left in the file by a dead one means nothing."""
    path = home / "run" / f"{name}.lock"
    try:
        with path.open("r+", encoding="ascii") as stream:
            if _try_lock(stream):
                return None
            stream.seek(0)
            return int(stream.read(20).strip())
    except (OSError, ValueError):
        return None


def say_if_waiting(out: Output, url: str, name: str) -> None:
    """Tell the person at the terminal that the store's lock `name` is taken, so that the wait is no riddle."""
    from fallback_server.store.locks import LockBusy, single_instance

    try:
        with single_instance(url, name, wait_seconds=0):
            return
    except LockBusy:
        out.say(f"waiting for the running {name} to end; right after the switch back that is the grace time")


def _try_lock(stream: IO[str]) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            # A byte far behind the text, so that the holder's number stays readable.
            stream.seek(1 << 20)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
