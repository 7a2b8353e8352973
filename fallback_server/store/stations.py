"""The workstation table: which window each computer is, and which printer takes which kind of print there.

What IT knows before anybody logs in. Nothing depends on it for a document: without a table everything works as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Float,
    Integer,
    String,
    Table,
    delete,
    select,
    update,
)

from fallback_server.domain.stations import MOST_COPIES, MOST_MM, Entry, Printer
from fallback_server.store.schema import metadata

station = Table(
    "station",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("window", String(64), nullable=False),
    Column("role", String(16)),
    Column("department_code", String(64)),
    Column("pharmacy_code", String(64)),
)

station_printer = Table(
    "station_printer",
    metadata,
    Column("workstation", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True),  # of print; '*' is every kind that has no line of its own
    Column("printer", String(128), nullable=False),  # as the computer calls it; '' is its default printer
    Column("tray", String(64), nullable=False),
    Column("offset_x_mm", Float, nullable=False),
    Column("offset_y_mm", Float, nullable=False),
    Column("copies", Integer, nullable=False),
    # The last test page: whether it came out, who or what says so.
    Column("tested_at", String(35)),
    Column("test_ok", Boolean),
    Column("test_detail", String(200)),
    CheckConstraint(f"copies BETWEEN 1 AND {MOST_COPIES}", name="copies"),
    CheckConstraint(
        f"offset_x_mm BETWEEN -{MOST_MM} AND {MOST_MM} AND offset_y_mm BETWEEN -{MOST_MM} AND {MOST_MM}", name="offset"
    ),
)
_TESTED = ("tested_at", "test_ok", "test_detail")


def entries(conn: Connection) -> list[Entry]:
    """The whole table, by code."""
    printers: dict[str, list[Printer]] = {}
    for row in conn.execute(select(station_printer).order_by(station_printer.c.kind)):
        printers.setdefault(row.workstation, []).append(_printer(row))
    rows = conn.execute(select(station).order_by(station.c.code))
    return [_entry(row, printers.get(row.code, [])) for row in rows]


def entry(conn: Connection, code: str) -> Entry | None:
    """One workstation, None where the table does not name it."""
    row = conn.execute(select(station).where(station.c.code == code)).first()
    if row is None:
        return None
    of_it = select(station_printer).where(station_printer.c.workstation == code).order_by(station_printer.c.kind)
    return _entry(row, [_printer(one) for one in conn.execute(of_it)])


def with_printers(conn: Connection, codes: Iterable[str]) -> set[str]:
    """Of these workstations, those with a printer in the table."""
    column = station_printer.c.workstation
    in_table = select(column).where(column.in_(list(codes)), column.in_(select(station.c.code)))
    return set(conn.execute(in_table).scalars())


def keep(conn: Connection, one: Entry) -> None:
    """Put a workstation in its place; test pages of printers that did not change still count."""
    table = station_printer
    rows = conn.execute(select(table).where(table.c.workstation == one.code)).mappings()
    tested = {(row["kind"], row["printer"], row["tray"]): {name: row[name] for name in _TESTED} for row in rows}
    remove(conn, one.code)
    conn.execute(
        station.insert().values(
            code=one.code, window=one.window, role=one.role, department_code=one.department_code,
            pharmacy_code=one.pharmacy_code,
        )
    )  # fmt: skip
    for printer in one.printers:
        known = tested.get((printer.kind, printer.printer, printer.tray), {})
        conn.execute(table.insert().values(workstation=one.code, **vars(printer), **known))


def remove(conn: Connection, code: str) -> bool:
    """Take a workstation out of the table; whether it was in."""
    conn.execute(delete(station_printer).where(station_printer.c.workstation == code))
    return bool(conn.execute(delete(station).where(station.c.code == code)).rowcount)


def tests(conn: Connection) -> list[dict[str, Any]]:
    """Every printer of the table with its last test page."""
    table = station_printer
    return [dict(row) for row in conn.execute(select(table).order_by(table.c.workstation, table.c.kind)).mappings()]


def keep_test(
    conn: Connection, workstation: str, kind: str, at: str, ok: bool, detail: str, of: tuple[str, str] | None = None
) -> bool:
    """What became of a test page; whether there is such a printer. `of`: this printer and tray, and no other."""
    table = station_printer
    place = [table.c.workstation == workstation, table.c.kind == kind]
    if of is not None:
        place += [table.c.printer == of[0], table.c.tray == of[1]]
    kept = conn.execute(update(table).where(*place).values(tested_at=at, test_ok=ok, test_detail=detail[:200]))
    return bool(kept.rowcount)


def codes(conn: Connection) -> frozenset[str]:
    """The workstations that the table names."""
    return frozenset(conn.execute(select(station.c.code)).scalars())


def _entry(row: Any, printers: Iterable[Printer]) -> Entry:
    return Entry(row.code, row.window, row.role, row.department_code, row.pharmacy_code, tuple(printers))


def _printer(row: Any) -> Printer:
    return Printer(row.kind, row.printer, row.tray, row.offset_x_mm, row.offset_y_mm, row.copies)
