"""The mirror beside its limits: first loads, cycles with and without a watermark, memory, growth, windows meanwhile.

`python -m bench.bench_mirror --rows 1000000` for the figures of docs/mirror.md, `--only memory` (or another part) for
some of them; `make bench` takes fewer rows. Ratios of CPU seconds, which hardly depend on what else the machine does,
stand beside those of the clock where a PostgreSQL of its own can be watched.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import mirror_limits as limits
from bench.cpu import Cpu
from bench.mirror_odbc import MAPPING, centre, missing, read_loop
from bench.mirror_rows import edit, fill, select_of
from bench.run import Figure, table
from bench.stage import CLOCK, ROOT, Stage, median, stage
from fallback_server.domain.datasets import DATASETS
from fallback_server.store.database import sqlite_files
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from sync.central.gateway import CentralGateway
from sync.central.sql_gateway import open_gateway
from sync.mirror.run import RunReport, run_mirror

ROWS = int(os.environ.get("YJ_BENCH_ROWS", "60000"))
RUNS = int(os.environ.get("YJ_BENCH_RUNS", "3"))
SHARE = 0.005
GENERATIONS_BESIDE = 5


PARTS = ("sqlite", "postgres", "cycles", "changed", "generations", "odbc", "memory", "growth")


def measure(
    rows: int = ROWS, only: Sequence[str] = PARTS, tell: Callable[[list[Figure]], object] = len
) -> list[Figure]:
    """Every figure with its companion, measured in turns; `tell` gets those of a part when it is done."""
    with stage() as here:
        fill(here, rows)
        bench = _Bench(here, rows)
        parts: dict[str, Callable[[], list[Figure]]] = {
            "sqlite": bench.first_load_sqlite,
            "postgres": bench.first_load_postgres,
            "cycles": bench.all_cycles,
            "changed": bench.all_changed,
            "generations": bench.generations,
            "odbc": bench.odbc,
            "memory": bench.memory,
            "growth": bench.growth,
        }
        found: list[Figure] = []
        for part in (part for part in PARTS if part in only):
            figures = parts[part]()
            tell(figures)
            found += figures
        return found


class _Bench:
    """One centre, measured from several sides."""

    def __init__(self, here: Stage, rows: int) -> None:
        self.here, self.rows, self.turn = here, rows, 0
        self.centre, self.select = here.gateway(), select_of(here)

    # -- stores -----------------------------------------------------------------------------------------------------

    def sqlite(self, name: str) -> Store:
        return self.here.store(f"{name}-{self._next()}")

    def postgres(self, name: str) -> Store:
        url = self.here.database(f"yj_{name}_{self._next()}")
        upgrade(url, CLOCK)
        store = Store(url, CLOCK)
        self.here.stack.callback(store.close)
        return store

    def _next(self) -> int:
        self.turn += 1
        return self.turn

    def run(
        self, store: Store, *, sweep: bool = False, centre: CentralGateway | None = None
    ) -> tuple[RunReport, float]:
        begun = time.perf_counter()
        report = run_mirror(
            store, centre or self.centre, self.here.settings.mirror, ["patient"], sweep=["patient"] if sweep else ()
        )
        spent = time.perf_counter() - begun
        if not report.published:
            raise RuntimeError(f"the mirror did not publish: {report.problems}")
        return report, spent

    # -- figures ----------------------------------------------------------------------------------------------------

    def first_load_sqlite(self) -> list[Figure]:
        ours, same, bare, core = [], [], [], []
        rows: list[tuple[object, ...]] = []
        file = self.here.folder / "limit.db"
        for _ in range(RUNS):
            store = self.sqlite("load")
            ours.append(self.run(store)[1])
            rows = rows or limits.rows_of(store)
            same.append(limits.executemany(file, rows, indexed=True))
            bare.append(limits.executemany(file, rows, indexed=False))
            core.append(limits.core(file, rows))
        name = f"first load of {len(rows):,} patients into SQLite"
        return [
            self._rate(name, ours, "executemany of tuples in memory, same table and indexes", same, ">= 0.45"),
            self._rate(name, ours, "executemany of tuples in memory, bare table", bare, "—"),
            self._rate(f"plain SQLAlchemy Core, {len(rows):,} rows", core, "executemany, bare table", bare, "—"),
        ]

    def first_load_postgres(self) -> list[Figure]:
        ours, limit, same = [], [], []
        work: list[float] = []
        least: list[float] = []
        for _ in range(RUNS):
            store = self.postgres("load")
            with self._cpu(work):
                ours.append(self.run(store)[1])
            columns = (*DATASETS["patient"].names, "changed_at")
            with self._cpu(least):
                limit.append(limits.copy_through(self.here.centre_url, store.url, self.select, columns))
            same.append(limits.copy_in(store))
        name = f"first load of {self.rows:,} patients into PostgreSQL"
        return [
            self._rate(name, ours, "binary COPY piped to COPY, bare table", limit, ">= 0.6"),
            self._rate(name, ours, "binary COPY of finished rows, same table and indexes", same, "—"),
            self._rate(f"{name}, per CPU second", work, "binary COPY piped to COPY, bare table", least, "—"),
        ]

    def odbc(self) -> list[Figure]:
        """A centre over ODBC into SQLite, beside the bare driver reading the same SELECT; none where there is none."""
        reason = missing()
        if reason:
            sys.stderr.write(f"bench: no figure over ODBC: {reason}\n")
            return []
        ours, loop = [], []
        with centre(self.here) as url:
            gateway = open_gateway(url, MAPPING, CLOCK)
            for _ in range(RUNS):
                ours.append(self.run(self.sqlite("odbc"), centre=gateway)[1])
                loop.append(read_loop(url))
            gateway.close()
            peak = self._child(url, MAPPING)
        name = f"first load of {self.rows:,} patients over ODBC (MariaDB) into SQLite"
        size = f"peak resident size, {name}"
        return [
            self._rate(name, ours, "bare ODBC read loop", loop, ">= 0.7"),
            Figure(size, peak, "MiB", "target", 100, peak / 100, "<= 100 MiB", 1),
        ]

    def all_cycles(self) -> list[Figure]:
        return [
            *self.cycles("SQLite", self.sqlite("cycle")),
            *self.cycles("PostgreSQL", self.postgres("cycle")),
        ]

    def cycles(self, kind: str, store: Store) -> list[Figure]:
        """Cycles in which half a per cent changed: by watermark, and by a sweep that also finds deletes."""
        self.run(store)
        # All patients have one change time so far; from here on the mark moves, as it does on the second day.
        edit(self.here, SHARE, self._next())
        self.run(store)
        marked, swept, whole = [], [], []
        cpu: dict[str, list[float]] = {"marked": [], "swept": [], "whole": []}
        for _ in range(RUNS):
            edit(self.here, SHARE, self._next())
            with self._cpu(cpu["marked"]):
                marked.append(self.run(store)[1])
            with self._cpu(cpu["whole"]):
                whole.append(limits.copy_out(self.here.centre_url, self.select))
            edit(self.here, SHARE, self._next(), delete=True)
            with self._cpu(cpu["swept"]):
                swept.append(self.run(store, sweep=True)[1])
        words, target = "one COPY out of the same SELECT", "<= 0.2" if kind == "SQLite" else "<= 0.15"
        with_mark = f"cycle with a watermark, 0.5 % of {self.rows:,}, {kind}"
        without = f"cycle without a watermark, deletes found, {self.rows:,}, {kind}"
        return [
            self._time(with_mark, marked, words, whole, target),
            self._time(f"{with_mark}, CPU", cpu["marked"], words, cpu["whole"], "—"),
            self._time(without, swept, words, whole, "<= 3"),
            self._time(f"{without}, CPU", cpu["swept"], words, cpu["whole"], "—"),
        ]

    @contextmanager
    def _cpu(self, into: list[float]) -> Iterator[None]:
        """Note the CPU seconds of a block, those of the centre's server included (the store's, on PostgreSQL)."""
        with Cpu(self.here.server.pid() or 0) as spent:
            yield
        into.append(spent.seconds)

    def all_changed(self) -> list[Figure]:
        """A table of which every row changed: held, then approved, as such a run is."""
        stores = (("SQLite", self.sqlite("all")), ("PostgreSQL", self.postgres("all")))
        return [self._all_changed(kind, store) for kind, store in stores]

    def _all_changed(self, kind: str, store: Store) -> Figure:
        self.run(store)
        edit(self.here, 1, self._next())
        held = run_mirror(store, self.centre, self.here.settings.mirror, ["patient"], sweep=["patient"])
        if held.state != "held":
            raise RuntimeError(f"a table in which everything changed was {held.state}")
        begun = time.perf_counter()
        done = run_mirror(store, self.centre, self.here.settings.mirror, approve=held.run_id)
        spent = time.perf_counter() - begun
        changed = done.counts["patient"]["updated"]
        whole = limits.copy_out(self.here.centre_url, self.select)
        name = f"{changed:,} of {self.rows:,} rows changed, approved and published, {kind}"
        return self._time(name, [spent], "one COPY out of the same SELECT", [whole], "—")

    def generations(self) -> list[Figure]:
        """As many generations as are kept, half a per cent changed in each: the last cycles beside the first."""
        store, kept = self.sqlite("generations"), self.here.settings.mirror.generations_kept
        self.run(store)
        edit(self.here, SHARE, self._next())
        self.run(store)
        files, before = sqlite_files(store.url)[1], 0
        spent = []
        for number in range(kept + 2 * GENERATIONS_BESIDE):
            edit(self.here, SHARE, self._next())
            spent.append(self.run(store)[1])
            before = before or (files.stat().st_size if number == GENERATIONS_BESIDE - 1 else 0)
        first, last = median(spent[:GENERATIONS_BESIDE]), median(spent[-GENERATIONS_BESIDE:])
        size, name = files.stat().st_size / 2**20, f"{len(spent)} generations of 0.5 % of {self.rows:,}, SQLite"
        early = before / 2**20
        return [
            Figure(f"{name}: a cycle of the last {GENERATIONS_BESIDE}", last, "s", f"of the first {GENERATIONS_BESIDE}",
                   first, last / first, "<= 1.3", GENERATIONS_BESIDE),
            Figure(f"{name}: the file", size, "MiB", f"after {GENERATIONS_BESIDE}", early, size / early, "—", 1),
        ]  # fmt: skip

    def memory(self) -> list[Figure]:
        """Peak resident size of a process that does nothing but a first load, at a tenth of the rows and at all."""
        few = max(20_000, self.rows // 10)
        large = self._child()
        fill(self.here, few)
        small = self._child()
        fill(self.here, self.rows)
        name = f"peak resident size, first load of {self.rows:,} patients"
        return [Figure(name, large, "MiB", f"of {few:,}", small, large / small, "<= 100 MiB, flat", 1)]

    def _child(self, url: str | None = None, mapping: Path | None = None) -> float:
        store = self.sqlite("memory")
        store.close()
        mapping = mapping or self.here.settings.mapping_dir
        plan = {"store": store.url, "centre": url or self.here.centre_url, "mapping": str(mapping)}
        done = subprocess.run(
            [sys.executable, "-m", "bench.mirror_child"], input=json.dumps(plan), capture_output=True, text=True,
            check=True, cwd=ROOT,
        )  # fmt: skip
        return float(json.loads(done.stdout)["peak_mib"])

    def growth(self) -> list[Figure]:
        """Seconds a row at all rows, beside those at the smallest scale."""
        few = 20_000
        large, work = self._of_a_row(self.rows)
        fill(self.here, few)
        small, least = self._of_a_row(few)
        name = f"growth: a row of a first load at {self.rows:,}"
        pairs = ((name, large, small), (f"{name}, CPU", work, least))
        return [Figure(what, a, "µs", f"at {few:,}", b, a / b, "<= 1.3", RUNS) for what, a, b in pairs]

    def _of_a_row(self, rows: int) -> tuple[float, float]:
        """Microseconds of a row of a first load, by the clock and of the processor."""
        clock: list[float] = []
        work: list[float] = []
        for _ in range(RUNS):
            store = self.sqlite("grow")
            with self._cpu(work):
                clock.append(self.run(store)[1])
        return median(clock) / rows * 1e6, median(work) / rows * 1e6

    def _rate(self, name: str, ours: list[float], companion: str, limit: list[float], target: str) -> Figure:
        mine, best = median(ours), median(limit)
        return Figure(name, self.rows / mine, "rows/s", companion, self.rows / best, best / mine, target, RUNS)

    def _time(self, name: str, ours: list[float], companion: str, whole: list[float], target: str) -> Figure:
        mine, other = median(ours), median(whole)
        return Figure(name, mine, "s", companion, other, mine / other, target, RUNS)


def main(say: Callable[[str], object] = sys.stdout.write) -> None:
    """The figures at a size of one's choice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    asked = parser.parse_args()

    def tell(figures: list[Figure]) -> None:
        say(table(figures) + "\n")
        sys.stdout.flush()

    measure(asked.rows, asked.only, tell)


if __name__ == "__main__":
    main()
