"""A real uploader process that is killed where the order says: `python -m tests.proof.uploader`.

The process reads orders from standard input, one JSON list a line, and forks a child for each order; the child runs
the upload as the worker does and sends itself SIGKILL at the numbered place. So a kill costs a fork, not the start of
an interpreter. A place is one of

- `point`: the n-th time the sender passes a crash point (`claimed`, `applied`, `failed`, `confirmed`, `linked`);
- `step`: the beginning of a step of the run;
- `boundary`: just before the n-th statement or commit on any database, the standby's or the centre's.

The answer, one JSON list a line, tells how each child ended, and what it passed on its way if it came to its end.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MAPPING = ROOT / "config" / "central" / "reference"
Order = Mapping[str, Any]
HEAVY = ("psycopg2", "sync.central.edges.postgres", "sync.upload.run", "tests.proof.stage")


@dataclass(frozen=True)
class Ended:
    """How a child ended: killed, or with what it tells."""

    killed: bool
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def report(self) -> dict[str, Any]:
        """The upload's report."""
        return dict(self.told["report"])


class Uploaders:
    """The parent's side: gives orders and reads answers. Close it at the end."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.proof.uploader"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def run(self, *orders: Order) -> list[Ended]:
        """All of them at the same time; returns when all have ended."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([dict(order) for order in orders]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the uploader process is gone"
        ended = []
        for answer in json.loads(line):
            assert answer["killed"] or "failed" not in answer["told"], answer["told"].get("failed")
            ended.append(Ended(answer["killed"], answer["told"]))
        return ended

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)


@dataclass
class _Executioner:
    """Counts what is passed and kills this process at the place of the order."""

    order: Order
    boundaries: int = 0
    points: Counter[str] = field(default_factory=Counter)
    steps: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)

    def point(self, name: str, _yj_id: str) -> None:
        self.points[name] += 1
        if self.order.get("point") == [name, self.points[name]]:
            _die()

    def step(self, name: str, done: int, _total: int) -> None:
        if not done and name not in self.steps:
            self.steps.append(name)
            if self.order.get("step") == name:
                _die()

    def boundary(self, what: str) -> None:
        self.boundaries += 1
        self.statements.append(what)
        if self.order.get("boundary") == self.boundaries:
            _die()

    def watch(self) -> None:
        """Look at every statement and commit of every engine of this process."""
        from sqlalchemy import Connection, Engine, event

        def before(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
            self.boundary(" ".join(statement.split()[:3]))

        def commit(_connection: Connection) -> None:
            self.boundary("COMMIT")

        event.listen(Engine, "before_cursor_execute", before)
        event.listen(Engine, "commit", commit)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _upload(order: Order) -> dict[str, Any]:
    from datetime import timedelta

    from fallback_server.domain.clock import SettableClock, SystemClock
    from fallback_server.store.session import Store
    from sync.central.sql_gateway import open_gateway
    from sync.upload.run import run_upload
    from tests.proof.stage import QUICK

    place = _Executioner(order)
    place.watch()
    now = SystemClock()
    clock = SettableClock(now.now() + timedelta(seconds=order["clock"])) if order.get("clock") else now
    store = Store(order["store"], clock, pool_size=2)
    gateway = open_gateway(order["centre"], Path(order.get("mapping", MAPPING)), clock)
    report = run_upload(store, gateway, QUICK, order.get("incident"), crash=place.point, progress=place.step)
    gateway.close()
    store.close()
    return {
        "report": report.to_json(), "boundaries": place.boundaries, "points": place.points, "steps": place.steps,
        "statements": place.statements,
    }  # fmt: skip


def _child(order: Order, pipe: int) -> None:
    """Never returns: whatever happens, the child ends here."""
    try:
        told = _upload(order)
    except BaseException as error:  # noqa: BLE001 - the edge of a process: said to the parent
        told = {"failed": f"{type(error).__name__}: {error}"}
    with os.fdopen(pipe, "w", encoding="utf-8") as stream:
        json.dump(told, stream, default=str)
    os._exit(0)


def _answer(orders: Sequence[Order]) -> list[dict[str, Any]]:
    children = []
    for order in orders:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            _child(order, writing)
        os.close(writing)
        children.append((child, reading))
    answers = []
    for child, reading in children:
        with os.fdopen(reading, encoding="utf-8") as stream:
            text = stream.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        told = {"failed": f"ended with {status}"} if not text else json.loads(text)
        answers.append({"killed": killed, "told": {} if killed else told})
    return answers


def main() -> None:
    """Answer orders until the input ends. Everything heavy is imported before the first fork."""
    for name in HEAVY:
        importlib.import_module(name)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
