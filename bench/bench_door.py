"""The front door: how long until the last of 500 windows knows of a switch, how long until the standby knows that
500 agents know it, and what that costs."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.bench_charges import PATH, desks
from bench.door_listeners import station
from bench.run import Figure
from bench.stage import CLOCK, ROOT, free_port, load_from_outside, median, process, stage
from clients.console.locks import holder
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import AGENT_TOKEN
from fallback_server.store.agents import keep_token
from fallback_server.store.mode_switch import begin_return, enter_emergency
from fallback_server.store.session import Actor, Store

WINDOWS = 500
CLIENTS = 50
RUNS = 3
SWITCHES = 2  # in a run: back and forth
SECONDS = 16
IDLE_SECONDS = 20
ADMIN = Actor("bench", "bench", frozenset({"admin"}))


def measure() -> list[Figure]:
    """A B A B A B: switches while nobody works, and while 50 windows charge through the same door."""
    with stage() as here, ExitStack() as stack:
        here.open_for_business()
        home = here.settings.home
        yj = ("-m", "clients.console", "--home", str(home))
        inner = str(free_port())
        server = stack.enter_context(process(*yj, "serve", "--port", inner))
        door = stack.enter_context(
            process(*yj, "door", "--host", "127.0.0.1", "--port", str(free_port()), "--server-port", inner)
        )
        pid = holder(home, "door") or 0
        empty = _megabytes(pid)
        tokens, body = desks(here, server)
        plan = {"address": door, "path": PATH, "clients": CLIENTS, "seconds": SECONDS, "tokens": tokens, "body": body}
        store = Store(here.settings.database.url, CLOCK)
        stack.callback(store.close)
        ca = home / "certificates" / "ca.crt"
        with _listeners(door, ca, []) as heard:
            full, idle = _megabytes(pid), _share(pid)
            told = _switches(store, plan)
        quiet, busy = _p99(told, heard)
        before = [_megabytes(one) for one in (pid, holder(home, "serve") or 0)]
        with _listeners(door, ca, _agents(store)) as answered:
            acknowledged = _switches(store, plan)
            after = [_megabytes(one) for one in (pid, holder(home, "serve") or 0)]
        calm, pressed = _p99(acknowledged, answered)
    sys.stderr.write(f"charges meanwhile: {told.charged}; with agents: {acknowledged.charged}\n")
    agents = f"a switch acknowledged by {WINDOWS} agents, p99 of the agents, {CLIENTS} windows charging"
    words = f"{WINDOWS} windows told of a switch by TLS, p99 of the windows, {CLIENTS} windows charging"
    return [
        Figure(words, max(busy), "s", "nobody charges", max(quiet), max(busy) / max(quiet), "<= 1 s", len(busy)),
        Figure(f"median, {words}", median(busy[:-1]), "s", "nobody charges", median(quiet[:-1]),
               median(busy[:-1]) / median(quiet[:-1]), "—", len(busy)),
        Figure(f"memory of the door with {WINDOWS} TLS streams", full, "MB", "with none", empty, full / empty, "—", 1),
        Figure(agents, max(pressed), "s", "nobody charges", max(calm), max(pressed) / max(calm), "<= 1 s",
               len(pressed)),
        Figure(f"median, {agents}", median(pressed[:-1]), "s", "nobody charges", median(calm[:-1]),
               median(pressed[:-1]) / median(calm[:-1]), "—", len(pressed)),
        Figure(f"memory of the door with {WINDOWS} agents", after[0], "MB", "before they came", before[0],
               after[0] / before[0], "—", 1),
        Figure(f"memory of the server with {WINDOWS} agents", after[1], "MB", "before they came", before[1],
               after[1] / before[1], "—", 1),
        Figure(f"the door with {WINDOWS} idle streams", idle * 100, "% of a core", "a core", 100.0, idle, "<= 0.05", 1),
    ]  # fmt: skip


@dataclass
class Told:
    """Epochs with the moments of their commits: while nobody charged, and while windows did; and what they charged."""

    quiet: list[tuple[int, float]] = field(default_factory=list)
    busy: list[tuple[int, float]] = field(default_factory=list)
    charged: list[dict[str, float]] = field(default_factory=list)


def _switches(store: Store, plan: dict[str, Any]) -> Told:
    """A B A B A B: switches while nobody works, and while 50 windows charge through the same door."""
    done = Told()
    for _ in range(RUNS):
        for _ in range(SWITCHES):
            done.quiet.append(_switch(store))
            time.sleep(SECONDS / 4)
        load = threading.Thread(target=lambda: done.charged.append(load_from_outside(plan)))
        load.start()
        time.sleep(SECONDS / 4)
        for _ in range(SWITCHES):
            done.busy.append(_switch(store))
            time.sleep(SECONDS / 4)
        load.join()
    return done


def _p99(told: Told, heard: dict[str, list[float]]) -> tuple[list[float], list[float]]:
    """Of each switch, how long after its commit 99 of 100 had heard; quiet ones and busy ones."""
    waits: tuple[list[float], list[float]] = ([], [])
    for place, switches in zip(waits, (told.quiet, told.busy), strict=True):
        for epoch, moment in switches:
            times = sorted(one - moment for one in heard.get(str(epoch), []))
            if len(times) != WINDOWS:
                raise RuntimeError(f"{len(times)} of {WINDOWS} knew of epoch {epoch}")
            place.append(times[int(WINDOWS * 0.99)])
    return waits


def _agents(store: Store) -> list[str]:
    """Enrol as many agents, each in the way of an agent; their tokens."""
    tokens = []
    for number in range(WINDOWS):
        token = AGENT_TOKEN + secrets.token_urlsafe(32)
        with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            keep_token(tx.conn, station(number), hashlib.sha256(token.encode()).hexdigest(), tx.at)
        tokens.append(token)
    return tokens


def _switch(store: Store) -> tuple[int, float]:
    """Switch back, or on again; the new epoch, and when it was committed."""
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        if tx.mode.mode.value == "emergency":
            begin_return(tx, upload=False, grace_seconds=120, hold_seconds=600)
        else:
            enter_emergency(tx, cause="other", reason="benchmark", departments=None, drill=False)
    moment = time.monotonic()
    with store.reading() as tx:
        return tx.mode.epoch, moment


@contextmanager
def _listeners(door: str, ca: Path, tokens: list[str]) -> Iterator[dict[str, list[float]]]:
    heard: dict[str, list[float]] = {}
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.door_listeners"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert child.stdin is not None and child.stdout is not None
    plan: dict[str, Any] = {
        "address": door.replace("http:", "https:"),
        "ca": str(ca),
        "count": WINDOWS,
        "tokens": tokens,
    }
    child.stdin.write(json.dumps(plan) + "\n")
    child.stdin.flush()
    if child.stdout.readline().strip() != "ready":
        raise RuntimeError("the listeners did not come in")
    try:
        yield heard
        time.sleep(3)  # what the slowest window has not been told by then is counted as never told
    finally:
        out, _ = child.communicate(timeout=120)
    heard.update(json.loads(out))


def _megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def _share(pid: int) -> float:
    """Of a core, while nothing happens."""
    before = _busy(pid)
    time.sleep(IDLE_SECONDS)
    return (_busy(pid) - before) / IDLE_SECONDS


def _busy(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.stdout.write("\n".join(map(str, measure())) + "\n")
