"""Charges while a mirror run rewrites every patient, beside the same without one: nobody waits for a publish.

Two cores are also what both work with. A mirror that does the same into a store of its own, beside the same charges,
shows what is left when nothing can be blocked: the ratio to that is the waiting alone.
"""

from __future__ import annotations

import json
import subprocess
import sys

from bench.bench_charges import PATH, desks
from bench.run import Figure
from bench.stage import ROOT, Stage, free_port, load_from_outside, median, process, stage

RUNS = 3
CLIENTS = 4
SECONDS = 8


def measure() -> list[Figure]:
    """A B C A B C A B C: p99 of charges without a mirror, with one at work all the time, with one that works apart."""
    quiet: list[dict[str, float]] = []
    busy: list[dict[str, float]] = []
    apart: list[dict[str, float]] = []
    with stage() as here:
        here.open_for_business()
        serve = ("-m", "clients.console", "--home", str(here.settings.home), "serve", "--host", "127.0.0.1")
        with process(*serve, "--port", str(free_port())) as address:
            tokens, body = desks(here, address)
            plan = {"path": PATH, "clients": CLIENTS, "seconds": SECONDS, "tokens": tokens, "body": body}
            for _ in range(RUNS):
                quiet.append(load_from_outside({**plan, "address": address}))
                for store, figures in ((here.settings.database.url, busy), (here.store("apart").url, apart)):
                    with _Mirror(here, store) as mirror:
                        figures.append(load_from_outside({**plan, "address": address}))
                    if mirror.published == 0:
                        raise RuntimeError("no run was published meanwhile")
    if any(run["errors"] for run in (*quiet, *busy, *apart)):
        raise RuntimeError("a request failed; the figure would not be one of charges")
    with_it, without, beside = (median([r["p99_ms"] for r in runs]) for runs in (busy, quiet, apart))
    words = f"p99 of a charge, {CLIENTS} clients, while a mirror rewrites every patient"
    return [
        Figure(words, with_it, "ms", "no mirror", without, with_it / without, "<= 1.5", RUNS),
        Figure(words, with_it, "ms", "a mirror that writes elsewhere", beside, with_it / beside, "<= 1.5", RUNS),
    ]


class _Mirror:
    """A process that changes every patient at the centre and publishes that, again and again."""

    def __init__(self, here: Stage, store: str) -> None:
        self._plan = {
            "store": store,
            "centre": here.centre_url,
            "mapping": str(here.settings.mapping_dir),
        }
        self.published = 0

    def __enter__(self) -> _Mirror:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bench.mirror_churn"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=ROOT,
        )  # fmt: skip
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(json.dumps(self._plan) + "\n")
        self._child.stdin.flush()
        self._child.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        # The end of its input tells it to stop after the run in hand.
        out, _errors = self._child.communicate()
        self.published = int(out.split()[-1])
