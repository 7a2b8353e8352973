"""Load on a server from another process: N clients, each posting on a connection kept open.

Reads a plan as JSON from standard input, writes `{per_second, p50_ms, p99_ms, errors, cpu_seconds}` to standard output.
Without a `pace` each client posts again as soon as it was answered; with one it posts every so many seconds, whether
the answer before came in time or not, and what it had to wait counts as time of the answer.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from fallback_server.domain.clock import SystemClock
from fallback_server.domain.numbers import new_ulid


def client(plan: dict[str, Any], number: int, until: float, times: list[float], errors: list[int]) -> None:
    """Post until the time is over."""
    pace = plan.get("pace")
    due = time.monotonic() + (pace or 0) * number / plan["clients"]
    where = urlsplit(plan["address"])
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
    token = plan["tokens"][number % len(plan["tokens"])] if plan["tokens"] else ""
    clock = SystemClock()
    while (due if pace else time.monotonic()) < until:
        if pace:
            time.sleep(max(0.0, due - time.monotonic()))
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": new_ulid(clock.now()),
        }
        begun = due if pace else time.monotonic()
        connection.request("POST", plan["path"], json.dumps(plan["body"]), headers)
        answer = connection.getresponse()
        answer.read()
        times.append(time.monotonic() - begun)
        due += pace or 0
        if answer.status != 201:
            errors.append(answer.status)


def main() -> None:
    """Run the plan."""
    plan = json.load(sys.stdin)
    times: list[float] = []
    errors: list[int] = []
    begun = time.monotonic()
    until = begun + plan["seconds"]
    threads = [threading.Thread(target=client, args=(plan, n, until, times, errors)) for n in range(plan["clients"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.monotonic() - begun
    times.sort()
    figures = {
        "per_second": len(times) / spent,
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[int(len(times) * 0.99)] * 1000,
        "errors": len(errors),
        "cpu_seconds": time.process_time(),
    }
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main()
