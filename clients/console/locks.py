"""One process of a kind for one instance: a lock on a file that dies with its holder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from clients.console.context import NotInOrder

if TYPE_CHECKING:
    from clients.console.output import Output


@contextmanager
def only_one(home: Path, name: str) -> Iterator[None]:
    """Hold `home/run/<name>.lock`. Raises NotInOrder, naming the holder, while another process has it."""
    from fallback_server.store.file_lock import try_lock_file

    folder = home / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    with path.open("a+", encoding="ascii") as stream:
        if not try_lock_file(stream.fileno()):
            stream.seek(0)
            holder = stream.read(20).strip() or "unknown"
            raise NotInOrder(f"{name} runs already for {home} (process {holder}); stop that one first")
        with suppress(OSError):  # a full disk must keep nobody from starting: only the holder's number is missing then
            stream.truncate(0)
            os.write(stream.fileno(), str(os.getpid()).encode("ascii"))
        yield


def holder(home: Path, name: str) -> int | None:
    """The process that holds the lock now, or None: a number left in the file by a dead one means nothing."""
    from fallback_server.store.file_lock import try_lock_file

    path = home / "run" / f"{name}.lock"
    try:
        with path.open("r+", encoding="ascii") as stream:
            if try_lock_file(stream.fileno()):
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
