"""Hosts of a small hospital on one machine: network namespaces on one bridge, whose cables can be pulled.

Each host has an address of its own, its own loopback, and nothing but the bridge between it and the others. What runs
there is a real process; the test itself comes in by a `Cable` from the machine's own loopback.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
NET: Final = "10.77.0."


def not_here() -> str:
    """Why no hosts can be made on this machine; empty where they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need root on Linux"
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    trial = Network("yjtry")
    try:
        trial.open()
        trial.host("a", 2)
    except OSError as error:
        return f"network namespaces are not permitted here: {error}"
    finally:
        trial.close()
    return ""


@dataclass
class Host:
    """One machine of the hospital."""

    network: Network
    name: str
    address: str
    space: str
    port: str  # the bridge's end of its cable

    def cut(self) -> None:
        """Pull its cable: what is on the way is lost, connections hang as they do then."""
        _ip("-n", self.network.core, "link", "set", self.port, "down")

    def restore(self) -> None:
        """Plug it in again."""
        _ip("-n", self.network.core, "link", "set", self.port, "up")

    def command(self, *command: str) -> list[str]:
        """The same command on this host."""
        return ["ip", "netns", "exec", self.space, *command]

    def spawn(self, *command: str, log: Path | None = None, **pipes: Any) -> subprocess.Popen[str]:
        """A process on this host that ends with the network."""
        with Path(log or os.devnull).open("a", encoding="utf-8") as words:
            process = subprocess.Popen(self.command(*command), stderr=words, text=True, cwd=ROOT, **pipes)
        self.network.processes.append(process)
        return process


class Cable:
    """A line through a proxy that is told how bad it is; see link.py. `port` is where it listens."""

    def __init__(self, network: Network, listen: str, target: str, *, on: Host | None = None, into: Host | None = None):
        command = [sys.executable, "-m", "tests.acceptance.link", listen, target, *([into.space] if into else [])]
        self._process = subprocess.Popen(
            on.command(*command) if on else command,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        network.processes.append(self._process)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def tell(self, word: str) -> None:
        """`delay SECONDS`, `stall`, `go`, `reset`; returns when it is so."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == word


@dataclass
class Network:
    """All hosts. `close` ends what runs and removes everything."""

    tag: str = field(default_factory=lambda: f"yj{os.getpid()}")
    hosts: list[Host] = field(default_factory=list)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def core(self) -> str:
        return f"{self.tag}-core"

    def open(self) -> None:
        """The bridge, in a namespace of its own. Raises OSError where the machine does not permit it."""
        _ip("netns", "add", self.core)
        _ip("-n", self.core, "link", "add", "hall", "type", "bridge")
        _ip("-n", self.core, "link", "set", "hall", "up")

    def host(self, name: str, number: int) -> Host:
        """Another host, with the address 10.77.0.`number`."""
        space, port, address = f"{self.tag}-{name}", f"p{number}", f"{NET}{number}"
        _ip("netns", "add", space)
        made = Host(self, name, address, space, port)
        self.hosts.append(made)
        _ip("-n", self.core, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("-n", self.core, "link", "set", port, "master", "hall", "up")
        _ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _ip("-n", space, "link", "set", device, "up")
        return made

    def close(self) -> None:
        """Everybody is told to end at once, but what was started first, the centre, when the others are gone."""
        for process in self.processes[1:]:
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.processes):
            _end(process)
        for space in [*(host.space for host in self.hosts), self.core]:
            subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)


def until(wanted: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Ask again until it is so; returns what was found."""
    deadline = time.monotonic() + seconds
    while True:
        found = wanted()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {wanted}")
        time.sleep(0.1)


def _ip(*command: str) -> None:
    done = subprocess.run(["ip", *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(command)}: {done.stderr.strip()}")


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None and not process.stdin.closed:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            continue
    if process.stdout is not None:
        process.stdout.close()
