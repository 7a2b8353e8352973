"""Drills: when people last tried it, and whether the last unattended self-test was passed."""

from __future__ import annotations

from collections.abc import Iterator

from fallback_server.domain.drills import LATE
from fallback_server.domain.modes import Mode
from fallback_server.domain.readiness import Finding
from fallback_server.store import drills as rows
from fallback_server.store.readiness.look import Look


def drills(look: Look) -> Iterator[Finding]:
    """A drill too long ago is a warning, so is a finding of one that nobody mended by its day."""
    limit = look.policy.standards.drill_days
    last = rows.last_ended(look.conn)
    age = look.age(last["ended_at"] if last is not None else None)
    if age is None:
        yield Finding("drill", None, "drill_never", limit=f"{limit} d")
    else:
        days = age // 86_400
        yield Finding("drill", None if days > limit else True, "drill_was", {"days": days}, "", age, f"{limit} d")
    if overdue := rows.overdue_findings(look.conn, look.now.date()):
        yield Finding("drill", None, "findings_overdue", {"n": overdue}, "findings")


def self_tests(look: Look) -> Iterator[Finding]:
    """One that failed is a warning: it says why, and the alarm is on anyway. So is none in normal mode."""
    begun = rows.last_self_test_began(look.conn)
    missing = look.policy.standards.self_test and look.mode.mode is Mode.NORMAL and look.now - begun >= LATE
    if missing:
        age = look.age(begun)
        days = (age or 0) // 86_400
        yield Finding("drill", None, "self_test_missing", {"days": days}, "self_test", age, f"{LATE.days} d")
    tests = [one for one in rows.self_tests(look.conn, 2) if one["ok"] is not None]
    if tests and not (missing and tests[0]["ok"]):
        values = {"at": tests[0]["started_at"], "problem": tests[0]["problem"] or "–"}
        code = "self_test_passed" if tests[0]["ok"] else "self_test_failed"
        yield Finding("drill", tests[0]["ok"] or None, code, values, "self_test", look.age(tests[0]["started_at"]),
                      f"{LATE.days} d")  # fmt: skip
