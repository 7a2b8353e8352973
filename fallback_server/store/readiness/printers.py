"""The printers of the workstation table: whether a test page came out of each, and how long ago."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from fallback_server.domain.readiness import Finding
from fallback_server.store import stations
from fallback_server.store.readiness.look import Look

OLD: Final = timedelta(days=31)  # paper, ribbons and drivers change: once a month, and before a drill
NAMED: Final = 20


def printers(look: Look) -> Iterator[Finding]:
    """One that failed or was not tested for a month is a warning; a kind of print that comes out nowhere is a fault.

    Without a table nothing is said: the browsers print, and nobody here knows to where.
    """
    rows = stations.tests(look.conn)
    if not rows:
        return
    good = [row for row in rows if row["test_ok"]]
    bad = [row for row in rows if row["test_ok"] is False]
    old = [row for row in good if (look.age(row["tested_at"]) or 0) > OLD.total_seconds()]
    never = [row for row in rows if row["test_ok"] is None]
    limit, oldest = f"{OLD.days} d", max((look.age(row["tested_at"]) or 0 for row in good), default=None)
    fresh = len(good) - len(old)
    if fresh:
        yield Finding("printers", True, "printers_tested", {"n": fresh, "of": len(rows)}, "", oldest, limit)
    if bad:
        dead = _dead(rows)
        yield Finding("printers", None if not dead else False, "printers_failed", _told(bad), "failed")
    if old:
        yield Finding("printers", None, "printers_old", _told(old), "old", oldest, limit)
    if never:
        yield Finding("printers", None, "printers_never", _told(never), "never", limit=limit)


def _dead(rows: list[dict[str, Any]]) -> list[str]:
    """Kinds of print whose last test page failed at every workstation."""
    by_kind: dict[str, list[bool | None]] = defaultdict(list)
    for row in rows:
        by_kind[row["kind"]].append(row["test_ok"])
    return [kind for kind, all_of_it in by_kind.items() if all(ok is False for ok in all_of_it)]


def _told(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"n": len(rows), "places": [f"{row['workstation']} {row['kind']}" for row in rows[:NAMED]]}
