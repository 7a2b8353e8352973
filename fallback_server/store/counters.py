"""Counters that live and die with the document's transaction: YJ numbers, the document sequence, queue numbers."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from fallback_server.domain.numbers import yj_number
from fallback_server.store.people import workstation
from fallback_server.store.schema import metadata
from fallback_server.store.visits import queue_counter

counter = Table(
    "counter",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

yj_counter = Table(
    "yj_counter",
    metadata,
    Column("workstation", String(32), primary_key=True),
    Column("business_date", String(10), primary_key=True),
    Column("value", Integer, nullable=False),
)

DOCUMENT_SEQUENCE = "document"


def _upsert(conn: Connection, table: Table) -> type[sqlite.Insert] | type[postgresql.Insert]:
    return postgresql.Insert if conn.dialect.name == "postgresql" else sqlite.Insert


def take(conn: Connection, name: str, count: int = 1) -> int:
    """Advance a named counter by `count` and return its new value; a first take starts from zero."""
    insert = _upsert(conn, counter)(counter).values(name=name, value=count)
    statement = insert.on_conflict_do_update(
        index_elements=[counter.c.name], set_={"value": counter.c.value + count}
    ).returning(counter.c.value)
    return int(conn.execute(statement).scalar_one())


def current(conn: Connection, name: str) -> int:
    """The last value taken; zero if none was."""
    return int(conn.execute(select(counter.c.value).where(counter.c.name == name)).scalar() or 0)


def take_yj_number(conn: Connection, workstation_code: str, day: date) -> str:
    """The next YJ number of this workstation and day. The workstation must have logged in once."""
    number = conn.execute(select(workstation.c.number).where(workstation.c.code == workstation_code)).scalar_one()
    insert = _upsert(conn, yj_counter)(yj_counter).values(
        workstation=workstation_code, business_date=day.isoformat(), value=1
    )
    statement = insert.on_conflict_do_update(
        index_elements=[yj_counter.c.workstation, yj_counter.c.business_date], set_={"value": yj_counter.c.value + 1}
    ).returning(yj_counter.c.value)
    return yj_number(day, number, int(conn.execute(statement).scalar_one()))


def take_queue_number(conn: Connection, department_code: str, day: date, drill: bool) -> int:
    """The next number of the YJ lane of a department on a day, from 1. A drill has its own."""
    insert = _upsert(conn, queue_counter)(queue_counter).values(
        department_code=department_code, business_date=day.isoformat(), drill=drill, last_no=1
    )
    statement = insert.on_conflict_do_update(
        index_elements=[queue_counter.c.department_code, queue_counter.c.business_date, queue_counter.c.drill],
        set_={"last_no": queue_counter.c.last_no + 1},
    ).returning(queue_counter.c.last_no)
    return int(conn.execute(statement).scalar_one())


def skip_yj_numbers(conn: Connection, workstation_code: str, day: str, count: int) -> None:
    """Leave out `count` numbers of this workstation and day: they may be on paper that this store knows nothing of."""
    insert = _upsert(conn, yj_counter)(yj_counter).values(workstation=workstation_code, business_date=day, value=count)
    conn.execute(
        insert.on_conflict_do_update(
            index_elements=[yj_counter.c.workstation, yj_counter.c.business_date],
            set_={"value": yj_counter.c.value + count},
        )
    )
