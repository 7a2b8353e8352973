"""Programs of a window PC: started, recognised again after the agent itself was started anew, and ended.

Windows' side is written after its documentation and was not run; Linux' side is tested.
"""

from __future__ import annotations

import contextlib
import csv
import ntpath
import os
import posixpath
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

GENTLE: Final = 8.0  # seconds a program gets to close by itself
# A program of the console, started by one that has none, would open a black window over the page. 0 elsewhere.
NO_WINDOW: Final = int(getattr(subprocess, "CREATE_NO_WINDOW", 0))
_started: dict[int, subprocess.Popen[bytes]] = {}

Mark = dict[str, Any]
"""`{pid, since}`: a number alone may be another program's by now."""


def start(command: Sequence[str], folder: Path | None = None) -> Mark:
    """Start a program that outlives the agent. Raises OSError."""
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    nothing = subprocess.DEVNULL
    program = subprocess.Popen(  # noqa: S603 - what IT wrote into the agent's own file
        list(command), cwd=folder, stdin=nothing, stdout=nothing, stderr=nothing, **options
    )
    _started[program.pid] = program
    return {"pid": program.pid, "since": _since(program.pid)}


def alive(mark: Mark) -> bool:
    """Whether this very program still runs."""
    pid = int(mark["pid"])
    own = _started.get(pid)
    if own is not None and own.poll() is not None:
        del _started[pid]
        return False
    since = _since(pid)
    return since is not None and since == mark["since"]


def end(mark: Mark, patience: float = GENTLE) -> None:
    """Ask this program to close, and close it if it does not. Harmless where it is gone."""
    if not alive(mark):
        return
    _ask(int(mark["pid"]), hard=False)
    deadline = time.monotonic() + patience
    while alive(mark):
        if time.monotonic() >= deadline:
            _ask(int(mark["pid"]), hard=True)
            deadline += patience
        time.sleep(0.05)


def named(process: str) -> list[Mark]:
    """All of this user's programs whose file has this name."""
    pids = _named_windows(process) if sys.platform == "win32" else _named_linux(process)
    return [{"pid": pid, "since": _since(pid)} for pid in pids]


def _named_linux(process: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            mine = folder.stat().st_uid == os.getuid()
            if mine and posixpath.basename(os.fsdecode(words[0])) == process:
                found.append(int(folder.name))
    return found


def _named_windows(process: str) -> list[int]:
    answer = subprocess.run(  # noqa: S603 - the program's name comes from the agent's own file
        ["tasklist", "/FI", f"IMAGENAME eq {ntpath.basename(process)}", "/FO", "CSV", "/NH"],  # noqa: S607
        capture_output=True, text=True, check=False, creationflags=NO_WINDOW,
    )  # fmt: skip
    rows = [row for row in csv.reader(answer.stdout.splitlines()) if len(row) > 1]
    return [int(row[1]) for row in rows if row[0].lower() == ntpath.basename(process).lower()]


def _ask(pid: int, *, hard: bool) -> None:
    if sys.platform == "win32":
        force = ["/F", "/T"] if hard else []
        words = ["taskkill", "/PID", str(pid), *force]
        subprocess.run(words, capture_output=True, check=False, creationflags=NO_WINDOW)  # noqa: S603
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL if hard else signal.SIGTERM)


def _since(pid: int) -> int | None:
    """When a process was started, in the system's own count; None for none, or one that only waits to be buried."""
    if os.name == "nt":
        return _since_windows(pid)
    try:
        rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if rest[0] in "ZX" else int(rest[19])


def _since_windows(pid: int) -> int | None:
    import ctypes
    from ctypes import wintypes

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - only Windows has it
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return None
    times = [wintypes.FILETIME() for _ in range(4)]
    state = wintypes.DWORD()
    try:
        kernel.GetExitCodeProcess(handle, ctypes.byref(state))
        known = kernel.GetProcessTimes(handle, *map(ctypes.byref, times))
    finally:
        kernel.CloseHandle(handle)
    if not known or state.value != 259:  # STILL_ACTIVE
        return None
    return (times[0].dwHighDateTime << 32) + times[0].dwLowDateTime
