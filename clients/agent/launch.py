"""The one file of an agent's installation that stays: it starts the version that stands first in `versions.json`.

It is copied as `agent.py` beside the versions and loads nothing of the product before it has chosen one. `run` is
watched: where another version leads, the running one is asked to end, by closing its input, and the other one begins.
A version that ends by itself right after its start, `TRIES` times, gives way to the one before it, unless it says that
it was called wrongly: another version would say the same.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

POINTER: Final = "versions.json"
VERSIONS: Final = "versions"
ROOT: Final = "YJ_AGENT_ROOT"  # in the environment: where the installation is
LAUNCHED: Final = "YJ_AGENT_LAUNCHED"  # in the environment: whose input is closed shall end
LOOK: Final = 1.0
YOUNG: Final = 60.0
TRIES: Final = 3
PAUSE: Final = 2.0
MISUSE: Final = 2  # the exit code for a spoiled agent.toml, or a folder that another agent works with
PATIENCE: Final = 30.0


def order(root: Path) -> list[str]:
    """The versions of an installation, the one to start first. Raises OSError; ValueError for a spoiled file."""
    try:
        return [str(one) for one in json.loads((root / POINTER).read_text(encoding="utf-8"))["order"]]
    except (KeyError, TypeError):
        raise ValueError(f"{root / POINTER} names no versions") from None


def main(words: list[str]) -> int:
    """Run one verb of the agent and return its exit code."""
    root = Path(__file__).resolve().parent
    os.environ[ROOT] = str(root)
    if words[:1] == ["--as"]:
        return inside(root, words[1], words[2:])
    try:
        known = order(root)
    except (OSError, ValueError) as error:
        known = []
        say(f"{root}: {error}")
    if not known:
        return 2
    return Watch(root, words).follow() if "run" in words else inside(root, known[0], words)


def inside(root: Path, version: str, words: list[str]) -> int:
    """That version, in this process."""
    sys.path[:] = [str(root / VERSIONS / version), *(one for one in sys.path if one != str(root))]
    sys.argv = ["yj-agent", *words]
    runpy.run_module("clients.agent", run_name="__main__")
    return 0


class Watch:
    """Keeps the agent running, in the version that leads."""

    def __init__(self, root: Path, words: list[str]) -> None:
        self._root, self._words = root, words
        self._order: list[str] = []
        self._decided = 0  # when the order was written
        self._failed: dict[str, int] = {}
        self._ended = threading.Event()

    def follow(self) -> int:
        """Until it is told to stop, or no version stays."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._ended.set())
        code = 0
        while not self._ended.is_set() and (version := self._chosen()):
            begun = time.monotonic()
            found = self._one(version)
            if found == 0:
                return 0
            if found is None:
                continue
            code = found
            if len(self._order) < 2:
                break  # there is none to go back to: who started us decides when to try again
            self._count(version, code, time.monotonic() - begun)
            self._ended.wait(PAUSE)
        return 0 if self._ended.is_set() else code

    def _chosen(self) -> str | None:
        """The first version that has not given way; None where all have."""
        try:
            decided, known = (self._root / POINTER).stat().st_mtime_ns, order(self._root)
        except (OSError, ValueError):
            decided, known = self._decided, self._order
        if (known, decided) != (self._order, self._decided):  # somebody decided anew, or mended the one that leads
            self._order, self._decided = known, decided
            self._failed.clear()
        return next((one for one in known if self._failed.get(one, 0) < TRIES), None)

    def _count(self, version: str, code: int, lived: float) -> None:
        say(f"version {version} ended by itself after {lived:.0f} s (exit code {code})")
        if code == MISUSE:
            return
        self._failed[version] = self._failed.get(version, 0) + 1 if lived < YOUNG else 0
        if self._failed[version] == TRIES:
            say(f"version {version} gives way to {self._chosen() or 'none: there is no other'}")

    def _one(self, version: str) -> int | None:
        """One life of the agent: its exit code, None where it was asked to end."""
        words = [sys.executable, str(Path(__file__).resolve()), "--as", version, *self._words]
        child = subprocess.Popen(words, stdin=subprocess.PIPE, env={**os.environ, LAUNCHED: "1"})  # noqa: S603 - our own
        while True:
            try:
                return child.wait(LOOK)
            except subprocess.TimeoutExpired:
                if self._ended.is_set() or self._chosen() != version:
                    _ask_to_end(child)
                    return None


def _ask_to_end(child: subprocess.Popen[bytes]) -> None:
    if child.stdin is not None:
        child.stdin.close()
    for harder in (child.terminate, child.kill):
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            harder()
    child.wait()


def say(what: str) -> None:
    """For the journal of the unit; a program without a console says nothing."""
    if sys.stderr is not None:
        sys.stderr.write(f"yj-agent: {what}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
