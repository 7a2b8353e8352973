"""The first load of the patients into SQLite, validation and search codes included, beside a bare insert."""

from __future__ import annotations

import sqlite3
import time

from bench.run import Figure
from bench.stage import median, stage
from fallback_server.store import mirror
from sync.mirror.run import run_mirror

RUNS = 3


def measure() -> list[Figure]:
    """A B A B A B on the same rows: `run_mirror` of a fresh store, and `executemany` of tuples already in memory."""
    ours: list[float] = []
    limit: list[float] = []
    with stage() as here:
        gateway = here.gateway()
        names = mirror.datasets["patient"].columns.keys()
        rows: list[tuple[object, ...]] = []
        for turn in range(RUNS):
            store = here.store(f"mirror-{turn}")
            begun = time.perf_counter()
            report = run_mirror(store, gateway, here.settings.mirror, ["patient"])
            ours.append(time.perf_counter() - begun)
            if report.state != "published":
                raise RuntimeError(f"the mirror did not publish: {report.state}")
            if not rows:
                with store.reading() as tx:
                    rows = [tuple(row) for row in tx.conn.exec_driver_sql("SELECT * FROM mirror.patient")]
            limit.append(_insert(str(here.folder / f"limit-{turn}.db"), list(names), rows))
    best = median(limit)
    return [
        Figure(
            f"mirror: first load of {len(rows)} patients into SQLite", len(rows) / median(ours), "rows/s",
            "executemany of tuples in memory", len(rows) / best, best / median(ours), ">= 0.45 (at 1 M)", RUNS,
        )
    ]  # fmt: skip


def _insert(path: str, names: list[str], rows: list[tuple[object, ...]]) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"CREATE TABLE patient ({', '.join(names)}, PRIMARY KEY (patient_no))")
    begun = time.perf_counter()
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO patient VALUES ({', '.join('?' * len(names))})", rows)  # noqa: S608 - our own column names
    connection.execute("COMMIT")
    spent = time.perf_counter() - begun
    connection.close()
    return spent
