"""Three clocks that should agree: the standby's, the centre's, the window PCs'."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from fallback_server.domain.clock import to_text
from fallback_server.domain.readiness import Finding, Standards
from fallback_server.store.people import workstation
from fallback_server.store.readiness.look import Look
from fallback_server.store.readiness.windows import WEEK


def clocks(look: Look) -> Iterator[Finding]:
    """The centre's as it was last seen, and every window PC's of this week."""
    offset = look.centre["clock_offset_seconds"]
    if offset is None:
        yield Finding("clock", None, "clock_unknown")
    else:
        yield centre(offset, look.policy.standards, look.age(look.centre["looked_at"]))
    yield from _windows(look)


def centre(offset: float, standards: Standards, age: int | None = None) -> Finding:
    """The centre's clock by the limits of [alerts]: documents carry times, and its day closing has a date."""
    warn, fail = standards.clock_warn_seconds, standards.clock_fail_seconds
    ok = False if abs(offset) > fail else None if abs(offset) > warn else True
    code = "clock_agrees" if ok else "clock_apart"
    return Finding("clock", ok, code, {"offset": f"{offset:+.1f}"}, "", age, f"{warn} / {fail} s")


def _windows(look: Look) -> Iterator[Finding]:
    warn = look.policy.standards.clock_warn_seconds
    seen = look.conn.execute(
        select(workstation.c.code, workstation.c.clock_offset_seconds)
        .where(workstation.c.last_seen_at >= to_text(look.now - WEEK), workstation.c.clock_offset_seconds.is_not(None))
        .order_by(workstation.c.code)
    ).all()
    if not seen:
        return
    off = {row.code: row.clock_offset_seconds for row in seen if abs(row.clock_offset_seconds) > warn}
    if off:
        values = {"n": len(off), "codes": list(off), "worst": f"{max(off.values(), key=abs):+.0f}"}
        yield Finding("clock", None, "clock_windows_apart", values, "windows", limit=f"{warn} s")
    else:
        yield Finding("clock", True, "clock_windows_agree", {"n": len(seen)}, "windows", limit=f"{warn} s")
