"""What benchmarks stand on: a real centre, a mirrored instance, a server process, and a load from another process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.settings import Settings, load, write_default
from fallback_server.domain.clock import SystemClock
from fallback_server.domain.modes import Permit
from fallback_server.store.mode_switch import enter_emergency
from fallback_server.store.session import Actor, Store
from migrations.upgrade import upgrade
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.mirror.run import run_mirror
from sync.reference_his.create import create_reference
from sync.reference_his.postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[1]
CLOCK = SystemClock()


@dataclass
class Stage:
    """A centre at `clinic` scale and a fresh standby beside it; everything is removed at the end."""

    folder: Path
    centre_url: str
    logins: list[dict[str, Any]]
    settings: Settings
    server: EmbeddedPostgres
    stack: ExitStack = field(default_factory=ExitStack)

    def gateway(self) -> SqlGateway:
        """The port to the centre."""
        gateway = open_gateway(self.centre_url, self.settings.mapping_dir, CLOCK)
        self.stack.callback(gateway.close)
        return gateway

    def store(self, name: str = "yj") -> Store:
        """A fresh migrated SQLite store in a folder of its own."""
        url = f"sqlite:///{self.folder / name / 'yj.db'}"
        upgrade(url, CLOCK)
        store = Store(url, CLOCK)
        self.stack.callback(store.close)
        return store

    def database(self, name: str) -> str:
        """A fresh database beside the centre's, on the same server."""
        return self.server.create_database(name)

    def open_for_business(self) -> None:
        """Mirror into the instance's own store, then switch YJ on."""
        upgrade(self.settings.database.url, CLOCK)
        store = Store(self.settings.database.url, CLOCK)
        run_mirror(store, self.gateway(), self.settings.mirror)
        with store.writing(Permit.HOUSEKEEPING, Actor("bench", "bench", frozenset({"admin"}))) as tx:
            enter_emergency(tx, cause="other", reason="benchmark", departments=None, drill=False)
        store.close()

    def operators(self, role: str, count: int) -> list[dict[str, Any]]:
        """The first `count` log-ins of a role."""
        return [one for one in self.logins if role in one["roles"]][:count]


@contextmanager
def stage(scale: str = "clinic", *, postgres: bool = False) -> Iterator[Stage]:
    """Start the centre, fill it, write an instance's settings. The centre's PostgreSQL is durable, as a real one is.

    `postgres`: the standby's own store is a database of that server, too, instead of SQLite.
    """
    with tempfile.TemporaryDirectory(prefix="yj-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        server = EmbeddedPostgres(folder / "centre")
        url = server.start()
        stack.callback(server.destroy)
        create_reference(url, scale, logins=folder / "logins.json")
        home = folder / "home"
        own = server.create_database("standby") if postgres else None
        write_default(home, database_url=own, central_url=url, mapping="reference")
        logins = json.loads((folder / "logins.json").read_text(encoding="utf-8"))
        yield Stage(folder, url, logins, load(home, {}), server, stack)


@contextmanager
def process(*arguments: str) -> Iterator[str]:
    """A server in a process of its own; yields the address on its first line of output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert child.stdout is not None
        address = child.stdout.readline().split()[-1]
        _wait(address)
        yield address
    finally:
        child.terminate()
        child.wait(30)


def _wait(address: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(address + "/healthz", timeout=5).read()  # noqa: S310 - our own loopback address
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def load_from_outside(plan: dict[str, Any]) -> dict[str, float]:
    """Run `bench.load` with this plan in a process of its own; its figures."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=json.dumps(plan), capture_output=True, text=True, check=True,
        cwd=ROOT, timeout=300,
    )  # fmt: skip
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def median(values: list[float]) -> float:
    """The middle of an odd number of values."""
    return sorted(values)[len(values) // 2]
