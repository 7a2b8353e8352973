"""Drills: when people last tried it, and whether the last unattended self-test was passed."""

from __future__ import annotations

from collections.abc import Iterator

from fallback_server.domain.readiness import Finding
from fallback_server.store import drills as rows
from fallback_server.store.readiness.look import Look


def drills(look: Look) -> Iterator[Finding]:
    """A drill too long ago is a warning; a self-test that failed as well: it says why, and the alarm is on anyway."""
    limit = look.policy.standards.drill_days
    last = rows.last_ended(look.conn)
    age = look.age(last["ended_at"] if last is not None else None)
    if age is None:
        yield Finding("drill", None, "drill_never", limit=f"{limit} d")
    else:
        days = age // 86_400
        yield Finding("drill", None if days > limit else True, "drill_was", {"days": days}, "", age, f"{limit} d")
    tests = [one for one in rows.self_tests(look.conn, 2) if one["ok"] is not None]
    if tests:
        values = {"at": tests[0]["started_at"], "problem": tests[0]["problem"] or "–"}
        code = "self_test_passed" if tests[0]["ok"] else "self_test_failed"
        yield Finding("drill", tests[0]["ok"] or None, code, values, "self_test", look.age(tests[0]["started_at"]))
