"""Operators as the console shows them: whether each could log in, and who let whom in."""

from __future__ import annotations

from typing import Any

from fallback_server.domain.errors import YjError
from fallback_server.store import credentials, second_person, staffing
from fallback_server.store.session import Tx
from fallback_server.store.staffing import Standing

STATES = ("all", "cannot", "code", "disabled", "weak")


def operators(tx: Tx, *, q: str = "", department: str = "", state: str = "all") -> list[Standing]:
    """Those that fit, by code. `q` is part of a code or a name."""
    wanted = q.strip().casefold()
    return [
        one
        for one in staffing.everyone(tx.conn, tx.now)
        if (not wanted or wanted in one.code.casefold() or wanted in one.name.casefold())
        and (not department or one.department == department)
        and _fits(one, state)
    ]


def _fits(one: Standing, state: str) -> bool:
    fits = {
        "cannot": one.works and not one.can, "code": one.code_until is not None,
        "disabled": one.why in ("disabled", "left"), "weak": one.weak,
    }  # fmt: skip
    return fits.get(state, True)


def without_password(tx: Tx, department: str) -> list[str]:
    """Codes of those of a department who work here and have no password; raises unknown_department for nobody."""
    found = [one for one in staffing.everyone(tx.conn, tx.now) if one.department == department and one.works]
    if not found:
        raise YjError("unknown_department", code=department)
    return [one.code for one in found if one.why != "password"]


def summary(tx: Tx) -> dict[str, Any]:
    """The figures above the list."""
    people = staffing.everyone(tx.conn, tx.now)
    lately = staffing.share(people, tx.now)
    seal = credentials.newest_seal(tx.conn)
    return {
        "can": lately.can, "of": lately.of, "percent": lately.percent, "enough": lately.enough, "known": lately.known,
        "alone": second_person.listed(tx), "sealed_at": seal["sealed_at"] if seal else None,
        "opened_at": seal["opened_at"] if seal else None,
    }  # fmt: skip
