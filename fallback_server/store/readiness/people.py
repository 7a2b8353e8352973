"""The people: who could log in, every role of the night, what was done alone, the broken seal."""

from __future__ import annotations

from collections.abc import Iterator

from fallback_server.domain.clock import to_text
from fallback_server.domain.readiness import Finding
from fallback_server.store import credentials, staffing
from fallback_server.store.readiness.look import Look

ADMINISTRATORS: int = 2


def administrators(look: Look) -> Iterator[Finding]:
    """Two of our own can log in without the centre: the way back needs two people. A code lasts for hours only."""
    n = sum(one.own and one.why == "password" and "admin" in one.roles for one in look.staff)
    yield Finding("administrators", n >= ADMINISTRATORS, "administrators", {"n": n}, limit=f"≥ {ADMINISTRATORS}")


def people(look: Look) -> Iterator[Finding]:
    """Whether those who work could log in, and every role of the night; what was done alone; the broken seal."""
    found = look.staff
    lately, of_all = staffing.share(found, look.now), staffing.share(found, look.now, of_all=True)
    for one in (lately, of_all) if lately.known else (of_all,):
        ok = True if one.enough else None if lately.known and one is of_all else False
        values = {"percent": one.percent, "can": one.can, "of": one.of}
        code, limit = "operators_seen" if one.known else "operators_all", f"≥ {staffing.LEAST_SHARE} %"
        yield Finding("operators", ok, code, values, "seen" if one.known else "all", limit=limit)
    empty = staffing.roles_without(found, look.policy.night_roles)
    for role in empty:
        yield Finding("night_shift", False, "night_role_empty", {"role": role}, role, limit="≥ 1")
    if not empty:
        yield Finding("night_shift", True, "night_roles_there", limit="≥ 1")
    yield from _alone(look)
    yield _seal(look)


def _alone(look: Look) -> Iterator[Finding]:
    for row in credentials.unsigned(look.conn):
        late = row["due_at"] < to_text(look.now)
        values = {"act": row["act"], "operator": row["operator_code"], "at": row["at"], "due": row["due_at"]}
        code = "alone_overdue" if late else "alone_unsigned"
        yield Finding("alone", None, code, values, str(row["id"]), look.age(row["at"]))


def _seal(look: Look) -> Finding:
    seal = credentials.newest_seal(look.conn)
    if seal is None:
        return Finding("seal", None, "seal_missing")
    if seal["opened_at"] is not None:
        return Finding("seal", None, "seal_opened", {"at": seal["opened_at"]}, age_seconds=look.age(seal["opened_at"]))
    return Finding("seal", True, "seal_closed")
