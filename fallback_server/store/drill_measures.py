"""What a drill shows in figures: how soon everybody knew and each window worked, how much was done, the way back.

All of it from rows that stay: it may be asked while the drill goes on and years later, and says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, func, select

from fallback_server.domain import money
from fallback_server.domain.clock import from_text
from fallback_server.domain.drills import MILESTONES
from fallback_server.store import drill_rows
from fallback_server.store.cash import charge
from fallback_server.store.outbox import outbox
from fallback_server.store.people import workstation
from fallback_server.store.visits import handover, prescription, registration

_TABLES: Final[dict[str, tuple[Table, tuple[ColumnElement[bool], ...]]]] = {
    "registration": (registration, ()),
    "receipt": (charge, (charge.c.refund_of.is_(None), charge.c.kind != "registration")),
    "prescription": (prescription, ()),
    "handover": (handover, ()),
}
WORKED: Final = (registration, prescription, charge, handover)


def measures(conn: Connection, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The figures of a drill (a row of `drills.one`); None before it began. Seconds are whole, counted from the switch.

    `switch`: {last_seconds, known, of, missing, workstations: [{workstation, seconds}]}, those planned and all
    others that knew; `windows`: [{workstation, role, switched, <milestone>}]; `first`: the same over all windows;
    `documents` by kind; `total`: money signed; `people`: who worked where; `back_seconds`: from the end to the release.
    """
    if row["incident_no"] is None:
        return None
    number, begun = int(row["incident_no"]), str(row["opened_at"])
    switch = _switch(conn, row, begun)
    windows = _windows(conn, number, begun, {one["workstation"]: one["seconds"] for one in switch["workstations"]})
    first = {name: min((one[name] for one in windows if one[name] is not None), default=None) for name in MILESTONES}
    return {
        "switch": switch,
        "windows": windows,
        "first": first,
        "documents": _documents(conn, number),
        "total": money.to_text(_total(conn, number)),
        "people": _people(conn, number),
        "seconds": _between(begun, row["ended_at"]),
        "back_seconds": _between(row["ended_at"], row["released_at"]),
    }


def _switch(conn: Connection, row: Mapping[str, Any], begun: str) -> dict[str, Any]:
    known = drill_rows.acknowledgements(conn, int(row["incident_no"]))
    wanted = set(row["workstations"])
    # A computer nobody counted on that was first switched on later was not late.
    later = set(conn.execute(select(workstation.c.code).where(workstation.c.first_seen_at > begun)).scalars()) - wanted
    rows: list[dict[str, Any]] = [
        {"workstation": code, "seconds": _between(begun, known.get(code))}
        for code in sorted((wanted | set(known)) - later)
    ]
    rows.sort(key=lambda one: (one["seconds"] is not None, -(one["seconds"] or 0), one["workstation"]))
    seconds = [one["seconds"] for one in rows if one["seconds"] is not None]
    return {
        "workstations": rows, "of": len(rows), "known": len(seconds), "last_seconds": max(seconds, default=None),
        "missing": [one["workstation"] for one in rows if one["seconds"] is None],
    }  # fmt: skip


def _windows(conn: Connection, number: int, begun: str, knew: Mapping[str, int | None]) -> list[dict[str, Any]]:
    """Per window that knew, should have known, or worked: when it knew, and the first of each milestone."""
    found: dict[str, dict[str, Any]] = {code: dict.fromkeys(MILESTONES) for code in knew}
    for name, (table, conditions) in _TABLES.items():
        asked = select(table.c.workstation, func.min(table.c.created_at).label("at"))
        rows = conn.execute(asked.where(table.c.incident_no == number, *conditions).group_by(table.c.workstation))
        for one in rows:
            found.setdefault(one.workstation, dict.fromkeys(MILESTONES))[name] = _between(begun, one.at)
    roles = {one.code: one.role for one in conn.execute(select(workstation.c.code, workstation.c.role))}
    return [
        {"workstation": code, "role": roles.get(code), "switched": knew.get(code), **found[code]}
        for code in sorted(found)
    ]


def _documents(conn: Connection, number: int) -> dict[str, int]:
    rows = conn.execute(
        select(outbox.c.entity, func.count().label("n"))
        .where(outbox.c.incident_no == number)
        .group_by(outbox.c.entity)
        .order_by(func.min(outbox.c.rank), outbox.c.entity)
    )
    return {one.entity: one.n for one in rows}


def _total(conn: Connection, number: int) -> Decimal:
    found = conn.execute(select(func.sum(charge.c.total)).where(charge.c.incident_no == number)).scalar()
    return money.ZERO if found is None else Decimal(found)


def _people(conn: Connection, number: int) -> list[dict[str, Any]]:
    """Everybody who made a document, with the window; the plan says who should have."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for table in WORKED:
        asked = select(table.c.operator_code, table.c.operator_name, table.c.workstation, func.count().label("n"))
        rows = conn.execute(
            asked.where(table.c.incident_no == number).group_by(
                table.c.operator_code, table.c.operator_name, table.c.workstation
            )
        )
        for one in rows:
            key = (one.operator_code, one.workstation)
            blank = {"operator": one.operator_code, "name": one.operator_name, "workstation": one.workstation, "n": 0}
            found.setdefault(key, blank)["n"] += one.n
    return [found[key] for key in sorted(found)]


def _between(begun: str | None, ended: str | None) -> int | None:
    if begun is None or ended is None:
        return None
    return max(0, round((from_text(ended) - from_text(begun)).total_seconds()))
