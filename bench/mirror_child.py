"""One first load in a process of its own: how large it grows. Plan as JSON on standard input, figures on the output."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from config.sections import Mirror
from fallback_server.domain.clock import SystemClock
from fallback_server.store.session import Store
from sync.central.sql_gateway import open_gateway
from sync.mirror.run import run_mirror


def main() -> None:
    """Load the patients once."""
    plan, clock = json.load(sys.stdin), SystemClock()
    store = Store(plan["store"], clock)
    gateway = open_gateway(plan["centre"], Path(plan["mapping"]), clock)
    before = peak_mib()
    report = run_mirror(store, gateway, Mirror(), ["patient"])
    found = {"read": report.counts["patient"]["read"], "peak_mib": peak_mib(), "before_mib": before}
    sys.stdout.write(json.dumps(found))


def peak_mib() -> float:
    """The greatest resident size since the program began; what getrusage says includes the parent's before exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
