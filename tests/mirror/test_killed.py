"""A mirror whose process is killed at work: what it began is discarded, nothing of it is resumed or half there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from fallback_server.store import mirror as tables
from fallback_server.store.session import Store, current_generation
from sync.central.fake import FakeCentral
from sync.mirror.run import RunReport
from tests.mirror.hospital import patient, published

# Reads a centre in which one patient changed and one is new, and stops for ever where it is told to.
CHILD = """
import sys, time
from config.sections import Mirror
from fallback_server.domain.clock import SystemClock
from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.mirror import run
from sync.mirror.refresh import refresh
from tests.mirror.hospital import hospital, patient

def stop(*_):
    print("here", flush=True)
    time.sleep(600)

centre = FakeCentral(clock=SystemClock(), page_rows=20)
centre.datasets = hospital()
centre.datasets["patient"] = [patient(1, name="改名"), *centre.datasets["patient"][1:], patient(201)]
last = {"read": "open_order_line"}.get(sys.argv[2])
run.prune = stop
seen = lambda dataset, rows: stop() if dataset == last else None
refresh(Store(sys.argv[1], SystemClock()), centre, Mirror(), seen=seen)
"""
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("where", "filled"), [("read", True), ("publish", True), ("publish", False)])
def test_a_mirror_killed_at_work_is_discarded_and_the_next_run_is_whole(
    store: Store, centre: FakeCentral, mirror: Callable[..., RunReport], where: str, filled: bool
) -> None:
    before = 0
    if filled:
        mirror()
        with store.reading() as tx:
            before = current_generation(tx.conn)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, store.url, where], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None and child.stdout.readline() == "here\n"
    child.kill()
    child.communicate(timeout=60)
    names = [row["name"] for row in published(store, "patient")]
    assert "改名" not in names and len(names) == (200 if filled else 0)
    centre.datasets["patient"] = [*centre.datasets["patient"], patient(201)]
    assert mirror().published and len(published(store, "patient")) == 201
    with store.reading() as tx:
        runs = tx.conn.execute(select(tables.run).order_by(tables.run.c.run_id)).all()
        assert current_generation(tx.conn) == before + 1
    assert [one.state for one in runs] == ["published"] * filled + ["failed", "published"]
    assert runs[-2].problems[0]["kind"] == "interrupted"
