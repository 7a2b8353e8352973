"""`yj up` as a real process, whose parts can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from clients.console.locks import holder
from clients.console.serving import DOOR_PORTS, free_port
from clients.sdk import YjClient
from tests.fixtures_door import until

PARTS = ("serve", "worker", "door")
PATIENCE = 90  # seconds: a part that dies several times in a row is waited for longer each time


class Up:
    """One `yj up` on the loopback."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port(DOOR_PORTS)
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "clients.console", "--home", str(home),
                "up", "--host", "127.0.0.1", "--port", str(self.port),
            ],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def https(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def part(self, name: str) -> int | None:
        """The process that is this part now."""
        return holder(self.home, name)

    def parts(self) -> list[int]:
        """All parts, as soon as they run and the server answers."""
        with YjClient(f"http://127.0.0.1:{self.port}", "test", patience=0) as window:
            until(window.alive, PATIENCE)
        return [int(str(until(lambda name=name: self.part(name)))) for name in PARTS]  # type: ignore[misc]

    def kill(self, name: str) -> int:
        """kill -9 of a part; who it was."""
        pid = self.part(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    def another(self, name: str, than: int) -> None:
        """Wait until the supervisor has started this part again."""
        until(lambda: self.part(name) not in (None, than), PATIENCE)

    def end(self) -> None:
        """Kill the supervisor; its parts follow."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        if self.process.stdout is not None:
            self.process.stdout.close()
