"""Ten thousand receipts back at the centre and reconciled; the upload beside a bare loop of the same statements.

`python -m bench.bench_return --receipts 10000` for the figures of docs/upload.md; `make bench` takes fewer.

The bare loop is what an upload could be at its best: every statement of every central transaction, as the driver got it
in an upload into a first copy of the centre, is sent again to another copy by the driver alone, one transaction a
document. The upload that is measured and that loop start from the same centre.

Both share one machine with the centre, so a statement has no way to go. So it is measured once more with both waiting
`--round-trip` milliseconds before every statement and every commit, as the network between a standby and its centre
does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import psycopg2
from sqlalchemy import event
from sqlalchemy.engine import make_url

from bench.bench_charges import desks
from bench.return_child import on_the_way
from bench.run import Figure, table
from bench.stage import CLOCK, ROOT, Stage, free_port, median, process, stage
from fallback_server.domain.modes import Permit
from fallback_server.store.mode_switch import begin_return, release
from fallback_server.store.session import Actor, Store
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.upload.run import run_upload

RECEIPTS = int(os.environ.get("YJ_BENCH_RECEIPTS", "1200"))
ROUND_TRIP = 0.3  # milliseconds, a few switches in one building
RUNS = int(os.environ.get("YJ_BENCH_RUNS", "3"))
DESKS = 8
PAIR = Actor("bench", "bench", frozenset({"admin"}), approver_code="bench-2")

Statement = tuple[str, Any, bool]
"""What the driver was given: text, values, whether they are many."""


def measure(receipts: int = RECEIPTS, round_trip: float = ROUND_TRIP) -> list[Figure]:
    """A B A B A B: the upload of all receipts with the account after it, and the bare loop; then the same with a way of
    `round_trip` milliseconds to the centre, unless that is 0."""
    with stage() as here:
        _make(here, receipts)
        noted = _noted(here)
        near = [_turn(here, noted, f"near_{turn}", 0.0) for turn in range(RUNS)]
        far = [_turn(here, noted, f"far_{turn}", round_trip) for turn in range(RUNS)] if round_trip else []
    uploads = [run for run, _ in near]
    count = int(uploads[0]["documents"])
    whole = median([run["upload_seconds"] + run["reconcile_seconds"] for run in uploads])
    account = median([run["reconcile_seconds"] for run in uploads])
    peak = max(run["peak_mib"] for run in uploads)
    limits = (180 * count / 10_000, 150.0)
    return [
        _rate(f"upload of {count:,} receipts, pre-flight and blind window included", near),
        *([_rate(f"the same with {round_trip} ms of network before each statement, in both", far)] if far else []),
        Figure(
            f"{count:,} receipts uploaded and reconciled", whole, "s", "3 minutes for 10,000", limits[0],
            whole / limits[0], "<= 1", RUNS,
        ),
        Figure("of which the account in five layers", account, "s", "all of it", whole, account / whole, "—", RUNS),
        Figure(
            "peak resident size, upload and account in one process", peak, "MiB", "150 MB", limits[1],
            peak / limits[1], "<= 1", RUNS,
        ),
    ]  # fmt: skip


_Turn = tuple[dict[str, float], float]
"""What the upload said of itself, and the documents a second of the bare loop."""


def _turn(here: Stage, noted: Sequence[Sequence[Statement]], name: str, round_trip: float) -> _Turn:
    upload = _upload(here, f"whole_{name}", round_trip)
    return upload, len(noted) / _bare(_copy_of_centre(here, f"bare_{name}"), noted, round_trip)


def _rate(name: str, turns: Sequence[_Turn]) -> Figure:
    rate = median([run["documents"] / run["upload_seconds"] for run, _ in turns])
    limit = median([bare for _, bare in turns])
    companion = "the same statements by the bare driver, one transaction a document"
    return Figure(name, rate, "documents/s", companion, limit, rate / limit, ">= 0.7", len(turns))


def _make(here: Stage, receipts: int) -> None:
    """So many charges through the window server, by cashiers with receipt books; then YJ is left."""
    here.open_for_business()
    serve = ("-m", "clients.console", "--home", str(here.settings.home), "serve", "--host", "127.0.0.1")
    with process(*serve, "--port", str(free_port())) as address:
        tokens, body = desks(here, address)

        def desk(token: str, numbers: Sequence[int]) -> None:
            with httpx.Client(trust_env=False, timeout=60, headers={"Authorization": f"Bearer {token}"}) as client:
                for number in numbers:
                    key = {"Idempotency-Key": f"bench-receipt-{number:06}"}
                    answer = client.post(f"{address}/api/v1/charges", json=body, headers=key)
                    if answer.is_error:
                        raise RuntimeError(answer.text)

        shares = [range(share, receipts, DESKS) for share in range(DESKS)]
        with ThreadPoolExecutor(DESKS) as pool:
            list(pool.map(desk, cycle(tokens[:DESKS]), shares))
    store = Store(here.settings.database.url, CLOCK)
    with store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        begin_return(tx, upload=False, grace_seconds=0, hold_seconds=0)
    with store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        release(tx, "benchmark")
    store.close()


def _copy_of_centre(here: Stage, name: str) -> str:
    """The centre as it was when YJ was left."""
    url = make_url(here.centre_url)
    connection = psycopg2.connect(make_url(_plain(here.server.url)).set(database="postgres").render_as_string(False))
    connection.autocommit = True
    with connection.cursor() as cursor:
        # Who mirrored is done with it; a pool that still holds it would keep the server from copying.
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        cursor.execute(others, (url.database,))
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{url.database}"')
        cursor.execute("CHECKPOINT")  # or the first to write pays for the copy
    connection.close()
    return url.set(database=name).render_as_string(hide_password=False)


def _copy_of_store(here: Stage, name: str) -> Path:
    home = Path(here.folder, name)
    shutil.copytree(here.settings.home, home)
    return home


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@dataclass
class _Notes:
    """The statements of each transaction that was committed on a gateway's writing connections."""

    gateway: SqlGateway
    kept: list[list[Statement]] = field(default_factory=list)
    open: list[Statement] = field(default_factory=list)

    def statement(self, _conn: Any, _cursor: Any, sql: str, values: Any, _context: Any, many: bool) -> None:
        self.open.append((sql, values, many))

    def committed(self, _conn: Any) -> None:
        self.kept.append(self.open)
        self.open = []

    def rolled_back(self, _conn: Any) -> None:
        self.open = []

    @contextmanager
    def taking(self) -> Iterator[None]:
        engine = self.gateway.writing_engine
        heard = {"before_cursor_execute": self.statement, "commit": self.committed, "rollback": self.rolled_back}
        for name, listener in heard.items():
            event.listen(engine, name, listener)
        yield
        for name, listener in heard.items():
            event.remove(engine, name, listener)


def _noted(here: Stage) -> list[list[Statement]]:
    """What an upload of everything sends to the centre, document by document."""
    home = _copy_of_store(here, "noting")
    store = Store(f"sqlite:///{home / 'yj.db'}", CLOCK)
    gateway = open_gateway(_copy_of_centre(here, "noting"), here.settings.mapping_dir, CLOCK)
    notes = _Notes(gateway)
    with notes.taking():
        report = run_upload(store, gateway, here.settings.upload)
    if not report.complete:
        raise RuntimeError(f"the upload is not whole: {report.problems}")
    gateway.close()
    store.close()
    return [kept for kept in notes.kept if any("yj_ledger" in sql.lower() and "INSERT" in sql for sql, _, _ in kept)]


def _bare(url: str, noted: Sequence[Sequence[Statement]], round_trip: float) -> float:
    """Seconds of the driver alone. The tables of ours are made beforehand, as pre-flight does."""
    connection = psycopg2.connect(_plain(url))
    ledger = (ROOT / "config" / "central" / "reference" / "ledger.sql").read_text(encoding="utf-8")
    with connection, connection.cursor() as cursor:
        cursor.execute(ledger)
    begun = time.perf_counter()
    with connection.cursor() as cursor:
        for document in noted:
            for sql, values, many in document:
                on_the_way(round_trip)
                (cursor.executemany if many else cursor.execute)(sql, values)
            on_the_way(round_trip)
            connection.commit()
    spent = time.perf_counter() - begun
    connection.close()
    return spent


def _upload(here: Stage, name: str, round_trip: float) -> dict[str, float]:
    """Upload and account in a process of their own, from copies of store and centre."""
    home = _copy_of_store(here, name)
    plan = {
        "store": f"sqlite:///{home / 'yj.db'}", "centre": _copy_of_centre(here, name),
        "mapping": str(here.settings.mapping_dir), "round_trip": round_trip,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "bench.return_child"], input=json.dumps(plan), capture_output=True, text=True, cwd=ROOT,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receipts", type=int, default=RECEIPTS)
    parser.add_argument("--round-trip", type=float, default=ROUND_TRIP, help="milliseconds before each statement")
    asked = parser.parse_args()
    sys.stdout.write(table(measure(asked.receipts, asked.round_trip)) + "\n")
