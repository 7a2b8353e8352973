"""Rewrite every patient at the centre and mirror that until the standard input ends; says how often it published."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from sqlalchemy import create_engine, text

from config.sections import Mirror
from fallback_server.domain.clock import SystemClock
from fallback_server.store.session import Store
from sync.central.sql_gateway import open_gateway
from sync.mirror import run


def main() -> None:
    """Go on until told to stop."""
    plan, clock, over = json.loads(sys.stdin.readline()), SystemClock(), threading.Event()
    store, engine = Store(plan["store"], clock), create_engine(plan["centre"])
    gateway = open_gateway(plan["centre"], Path(plan["mapping"]), clock)
    rules = Mirror(guard_changed_percent=100)
    threading.Thread(target=_wait_for_the_end, args=(over,), daemon=True).start()
    # The bench is in an outage of the whole hospital, which freezes the mirror; here it goes on, to be in the way.
    run.frozen = lambda *_: {}  # type: ignore[attr-defined]
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    published = 0
    while not over.is_set():
        with engine.begin() as connection:
            connection.execute(text("UPDATE br_da SET dz = left(dz, 60) || :turn"), {"turn": f"改{published}"})
        published += run.run_mirror(store, gateway, rules, ["patient"], sweep=["patient"]).published
    sys.stdout.write(f"{published}\n")


def _wait_for_the_end(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


if __name__ == "__main__":
    main()
