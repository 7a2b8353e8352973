"""One upload and its account in a process of their own. Plan as JSON on standard input, figures on the output."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import event

from bench.mirror_child import peak_mib
from config.sections import Upload
from fallback_server.domain.clock import SystemClock
from fallback_server.store.session import Store
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.reconcile.run import run_reconcile
from sync.upload.run import run_upload


def main() -> None:
    """Return everything once and reconcile. Raises RuntimeError if anything is left or differs."""
    plan, clock = json.load(sys.stdin), SystemClock()
    store = Store(plan["store"], clock)
    gateway = open_gateway(plan["centre"], Path(plan["mapping"]), clock)
    if plan["round_trip"]:
        _far_away(gateway, plan["round_trip"])
    begun = time.perf_counter()
    report = run_upload(store, gateway, Upload())
    uploaded = time.perf_counter()
    if not report.complete:
        raise RuntimeError(f"the upload is not whole: {report.state} {report.problems}")
    account = run_reconcile(store, gateway, report.incident_no or 0)
    ended = time.perf_counter()
    if not account.balanced:
        raise RuntimeError(f"the account does not balance: {account.differences[:3]}")
    found = {
        "documents": report.counts["confirmed"], "upload_seconds": uploaded - begun,
        "reconcile_seconds": ended - uploaded, "peak_mib": peak_mib(),
    }  # fmt: skip
    sys.stdout.write(json.dumps(found))


def on_the_way(milliseconds: float) -> None:
    """What a network takes for a statement and its answer."""
    if milliseconds:
        time.sleep(milliseconds / 1000)


def _far_away(gateway: SqlGateway, milliseconds: float) -> None:
    def wait(*_: Any) -> None:
        on_the_way(milliseconds)

    for happens in ("before_cursor_execute", "commit"):
        event.listen(gateway.writing_engine, happens, wait)


if __name__ == "__main__":
    main()
