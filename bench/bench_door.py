"""The front door: how long until the last of 500 windows knows of a switch, how long until the standby knows that
500 agents know it, and what that costs."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.bench_charges import PATH, desks
from bench.door_listeners import station
from bench.run import Figure
from bench.stage import CLOCK, ROOT, free_port, load_from_outside, process, stage
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
BETWEEN = 4.0  # seconds
IDLE_SECONDS = 20
ADMIN = Actor("bench", "bench", frozenset({"admin"}))

# How often each of the 50 windows charges, in seconds: a peak hour brings five documents a second, ten times that is
# to be carried. None: again as soon as it was answered, which no window does; it shows where the limit lies.
PACES: dict[str, float | None] = {"ten times the peak": 1.0, "as fast as they are answered": None}


def measure(*, postgres: bool = False) -> list[Figure]:
    """A B C A B C A B C: switches while nobody works, and while 50 windows charge through the same door.

    `postgres`: on a PostgreSQL store, and only what depends on the store (`python -m bench.bench_door --postgres`).
    """
    with _standby(postgres=postgres) as here:
        return _acknowledging(here) if postgres else [*_telling(here), *_acknowledging(here)]


@dataclass
class Running:
    """A server and a door, the load they get, and the processes by name."""

    store: Store
    door: str
    ca: Path
    plan: dict[str, Any]
    pids: dict[str, int]


@contextmanager
def _standby(*, postgres: bool) -> Iterator[Running]:
    with stage(postgres=postgres) as here, ExitStack() as stack:
        here.open_for_business()
        home = here.settings.home
        yj = ("-m", "clients.console", "--home", str(home))
        inner = str(free_port())
        server = stack.enter_context(process(*yj, "serve", "--port", inner))
        door = stack.enter_context(
            process(*yj, "door", "--host", "127.0.0.1", "--port", str(free_port()), "--server-port", inner)
        )
        tokens, body = desks(here, server)
        store = Store(here.settings.database.url, CLOCK)
        stack.callback(store.close)
        plan = {"address": door, "path": PATH, "clients": CLIENTS, "tokens": tokens, "body": body}
        pids = {"door": holder(home, "door") or 0, "server": holder(home, "serve") or 0}
        yield Running(store, door, home / "certificates" / "ca.crt", plan, pids)


def _telling(here: Running) -> list[Figure]:
    """How long until windows know, and what their streams cost."""
    pid = here.pids["door"]
    empty = _megabytes(pid)
    with _listeners(here, []) as heard:
        full, idle = _megabytes(pid), _share(pid)
        told = _switches(here)
    return [
        *_figures(f"{WINDOWS} windows told of a switch by TLS, p99 of the windows", told, heard),
        Figure(f"memory of the door with {WINDOWS} TLS streams", full, "MB", "with none", empty, full / empty, "—", 1),
        Figure(f"the door with {WINDOWS} idle streams", idle * 100, "% of a core", "a core", 100.0, idle, "<= 0.05", 1),
    ]


def _acknowledging(here: Running) -> list[Figure]:
    """How long until the standby knows that agents know, and what they cost."""
    before = {name: _megabytes(here.pids[name]) for name in ("door", "server")}
    with _listeners(here, _agents(here.store)) as answered:
        acknowledged = _switches(here)
        after = {name: _megabytes(here.pids[name]) for name in before}
    return [
        *_figures(f"a switch acknowledged by {WINDOWS} agents, p99 of the agents", acknowledged, answered),
        *(Figure(f"memory of the {name} with {WINDOWS} agents", after[name], "MB", "before they came", before[name],
                 after[name] / before[name], "—", 1) for name in before),
    ]  # fmt: skip


@dataclass
class Told:
    """Of one way of charging: epochs with the moments of their commits, what the windows' process said, and the
    processor seconds of each process meanwhile."""

    epochs: list[tuple[int, float]] = field(default_factory=list)
    charged: list[dict[str, float]] = field(default_factory=list)
    cpu: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def _switches(here: Running) -> dict[str, Told]:
    """Switches while nobody works ("") and at each pace, in turns."""
    done = {name: Told() for name in ("", *PACES)}
    for _ in range(RUNS):
        _turn(here, done[""])
        for name, pace in PACES.items():
            load = threading.Thread(target=_charge, args=(here.plan, pace, done[name]))
            load.start()
            time.sleep(BETWEEN)
            _turn(here, done[name])
            load.join()
    return done


def _charge(plan: dict[str, Any], pace: float | None, told: Told) -> None:
    figures = load_from_outside({**plan, "pace": pace, "seconds": BETWEEN * (SWITCHES + 1)})
    told.charged.append(figures)


def _turn(here: Running, told: Told) -> None:
    begun, before = time.monotonic(), {name: _busy(pid) for name, pid in here.pids.items()}
    for _ in range(SWITCHES):
        told.epochs.append(_switch(here.store))
        time.sleep(BETWEEN)
    told.seconds += time.monotonic() - begun
    told.cpu.update({name: _busy(pid) - before[name] for name, pid in here.pids.items()})


def _figures(words: str, told: dict[str, Told], heard: dict[str, list[float]]) -> list[Figure]:
    """The worst and the middle switch at each pace beside those while nobody charged."""
    waits = {name: _p99(one, heard) for name, one in told.items()}
    quiet, figures = waits[""], []
    for name, pace in PACES.items():
        found, target = waits[name], "<= 1 s" if pace else "—"
        what = f"{words}, {CLIENTS} windows charging {name}"
        sys.stderr.write(f"{what}: {[round(one, 2) for one in found]}; {_spent(told[name])}\n")
        figures += [
            Figure(what, max(found), "s", "nobody charges", max(quiet), max(found) / max(quiet), target, len(found)),
            Figure(f"median, {what}", _middle(found), "s", "nobody charges", _middle(quiet),
                   _middle(found) / _middle(quiet), "—", len(found)),
        ]  # fmt: skip
    sys.stderr.write(f"{words}, nobody charging: {[round(one, 2) for one in quiet]}; {_spent(told[''])}\n")
    return figures


def _spent(told: Told) -> str:
    """Who had the processor meanwhile, in parts of one core; the simulated windows and agents would be elsewhere."""
    shares = {name: spent / told.seconds for name, spent in told.cpu.items()}
    rates = ""
    if told.charged:
        shares["windows"] = sum(run["cpu_seconds"] for run in told.charged) / (
            len(told.charged) * BETWEEN * (SWITCHES + 1)
        )
        rates = ", ".join(f"{run['per_second']:.0f}/s p99 {run['p99_ms']:.0f} ms" for run in told.charged)
        rates += f", {sum(run['errors'] for run in told.charged):.0f} errors; "
    return rates + ", ".join(f"{name} {share:.2f}" for name, share in shares.items())


def _middle(values: list[float]) -> float:
    return statistics.median(values)


def _p99(told: Told, heard: dict[str, list[float]]) -> list[float]:
    """Of each switch, how long after its commit 99 of 100 had heard."""
    waits = []
    for epoch, moment in told.epochs:
        times = sorted(one - moment for one in heard.get(str(epoch), []))
        if len(times) != WINDOWS:
            raise RuntimeError(f"{len(times)} of {WINDOWS} knew of epoch {epoch}")
        waits.append(times[int(WINDOWS * 0.99)])
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
def _listeners(here: Running, tokens: list[str]) -> Iterator[dict[str, list[float]]]:
    """The listeners' process, put among the others; what they heard is there when the block has ended."""
    heard: dict[str, list[float]] = {}
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.door_listeners"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert child.stdin is not None and child.stdout is not None
    here.pids["listeners"] = child.pid
    plan: dict[str, Any] = {
        "address": here.door.replace("http:", "https:"),
        "ca": str(here.ca),
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
    sys.stdout.write("\n".join(map(str, measure(postgres="--postgres" in sys.argv))) + "\n")
