"""Charges while a mirror run rewrites every patient, beside the same without one: nobody waits for a publish."""

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
    """A B A B A B: p99 of charges with a mirror at work all the time, and with none."""
    quiet: list[dict[str, float]] = []
    busy: list[dict[str, float]] = []
    with stage() as here:
        here.open_for_business()
        serve = ("-m", "clients.console", "--home", str(here.settings.home), "serve", "--host", "127.0.0.1")
        with process(*serve, "--port", str(free_port())) as address:
            tokens, body = desks(here, address)
            plan = {"path": PATH, "clients": CLIENTS, "seconds": SECONDS, "tokens": tokens, "body": body}
            for _ in range(RUNS):
                quiet.append(load_from_outside({**plan, "address": address}))
                with _Mirror(here) as mirror:
                    busy.append(load_from_outside({**plan, "address": address}))
                if mirror.published == 0:
                    raise RuntimeError("no run was published meanwhile")
    if any(run["errors"] for run in (*quiet, *busy)):
        raise RuntimeError("a request failed; the figure would not be one of charges")
    with_it, without = median([r["p99_ms"] for r in busy]), median([r["p99_ms"] for r in quiet])
    words = f"p99 of a charge, {CLIENTS} clients, while a mirror rewrites every patient"
    return [Figure(words, with_it, "ms", "no mirror", without, with_it / without, "<= 1.5", RUNS)]


class _Mirror:
    """A process that changes every patient at the centre and publishes that, again and again."""

    def __init__(self, here: Stage) -> None:
        self._plan = {
            "store": here.settings.database.url,
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
