"""`yj up`: the parts of the standby as child processes that are started again when they die and stopped together.

Plain subprocesses and a pipe, so that it works the same on Linux and Windows: a child ends when its standard input
does, and the pipe closes with this process however it dies. No orphan is left behind, even by kill -9.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

FIRST_WAIT = 0.2
LONGEST_WAIT = 10.0
SOUND_AFTER = 30.0  # a child that lived this long was well: its next death is waited out shortly again
STOP_SECONDS = 15.0
LOG_BYTES = 10_000_000


def restart_wait(deaths: int) -> float:
    """Seconds before a child is started again after `deaths` deaths in a row (from 1)."""
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(deaths - 1, 10)))


@dataclass
class Child:
    """One supervised part: its command line, its log, and how often it died lately."""

    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    deaths: int = 0

    def start(self) -> None:
        """Run it, its output appended to its log."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                list(self.command), stdin=subprocess.PIPE, stdout=stream, stderr=stream
            )
        self.started_at = time.monotonic()

    def died(self) -> int | None:
        """Its exit code if it ran and no longer does."""
        return self.process.poll() if self.process is not None else None

    def bury(self, now: float) -> None:
        """Note a death and when to start again."""
        self.deaths = 1 if now - self.started_at > SOUND_AFTER else self.deaths + 1
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None
        self.start_again_at = now + restart_wait(self.deaths)

    def ask_to_stop(self) -> None:
        """Close its standard input (which it follows), and tell it directly where that is gentle."""
        if self.process is None:
            return
        if self.process.stdin is not None:
            self.process.stdin.close()  # of a child that is dead already too: the pipe is ours
        if self.process.poll() is not None:
            return
        if sys.platform != "win32":  # there terminate() is a hard kill; the closed pipe is the polite way
            self.process.terminate()

    def make_sure(self, deadline: float) -> None:
        """Wait until `deadline`, then kill."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Supervisor:
    """Runs children until it is told to stop. `tell` gets a sentence for each death."""

    children: list[Child]
    tell: Callable[[str], None]
    stopping: threading.Event = field(default_factory=threading.Event)

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT stop everything. Call from the main thread."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

    def start(self) -> None:
        """Start all children."""
        for child in self.children:
            child.start()

    def run(self, ready: Callable[[], bool], announcement: str) -> None:
        """Watch until told to stop, then stop all children; none is left when this returns.

        `announcement` is told once, as soon as `ready` says so: whoever reads it can connect.
        """
        announced = False
        try:
            while not self.stopping.wait(0.1):
                self._look(time.monotonic())
                if not announced and ready():
                    announced = True
                    self.tell(announcement)
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop all children, the last started first; those that do not listen are killed."""
        for child in reversed(self.children):
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children:
            child.make_sure(deadline)

    def _look(self, now: float) -> None:
        for child in self.children:
            if child.process is None:
                if now >= child.start_again_at:
                    child.start()
            elif (code := child.died()) is not None:
                child.bury(now)
                self.tell(
                    f"{child.name} ended with {code}; started again in {restart_wait(child.deaths):.1f} s ({child.log})"
                )


def part(home: Path, name: str, *arguments: str) -> Child:
    """A part of the standby as a child: `yj <name> --supervised …` with this interpreter."""
    command = (sys.executable, "-m", "clients.console", "--home", str(home), name, "--supervised", *arguments)
    return Child(name, command, home / "logs" / f"{name}.log")
