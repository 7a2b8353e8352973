"""A store in PostgreSQL as a file of the embedded store, and the way back into a schema of a PostgreSQL.

The file of a backup is the same whatever the store lives in: one format, one check, no tool of another version at three
in the morning. Everything is read in one snapshot; everything is put back in one transaction, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    cast,
    create_engine,
    func,
    insert,
    inspect,
    select,
    text,
    type_coerce,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator, TypeEngine

from fallback_server.domain.errors import YjError
from fallback_server.store import audit as audit_log
from fallback_server.store import guards, mirror, tables
from fallback_server.store.schema import MIRROR_SCHEMA

VERSION: Final = Table("schema_version", MetaData(), Column("version_num", String(32), primary_key=True))
LENT: Final = (mirror.datasets["operator"], mirror.dataset_state, mirror.generation)
SCRATCH: Final = "yj_scratch"
ROWS: Final = 1000
OTHERS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'his-yj' "
    "AND pid <> pg_backend_pid()"
)
SIZE: Final = (
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
)


def ours() -> list[Table]:
    """Every table of the standby's own, parents first, and the version of the schema."""
    return [VERSION, *tables.OWN.sorted_tables]


def size(engine: Engine) -> int:
    """Bytes that the store takes as a file, at the most."""
    with engine.connect() as conn:
        return int(conn.execute(text(SIZE)).scalar_one())


def version(conn: Connection) -> str | None:
    """The schema of the store, as a manifest names it."""
    return conn.execute(select(VERSION.c.version_num)).scalar()


# -- out -------------------------------------------------------------------------------------------------------------


def copy_out(engine: Engine, target: Path) -> None:
    """The store as of one moment in the new file `target`. Windows write on: a snapshot stands in nobody's way."""
    target.touch(mode=0o600)
    with _file(target) as out, out.begin(), _snapshot(engine) as conn:
        _make_tables(out)
        for table in ours():
            _pour(conn, out, table)
        for statement in guards.statements("sqlite"):
            out.execute(text(statement))


def lend_mirror(engine: Engine, target: Path) -> None:
    """What the mirror says of operators, into the embedded mirror at `target`: who may restore is asked there."""
    with _file(target) as out, out.begin(), _snapshot(engine) as conn:
        if not inspect(conn).has_table(LENT[0].name, schema=MIRROR_SCHEMA):
            return
        beside = out.execution_options(schema_translate_map={MIRROR_SCHEMA: None})
        # A backup has a schema already and knows of no mirror: no migration made them.
        tables.MIRRORED.create_all(beside)
        for table in LENT:
            _pour(conn, beside, table)


@contextmanager
def _file(path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{path.as_posix()}", poolclass=NullPool, hide_parameters=True)
    try:
        with engine.connect() as conn:
            yield conn
    finally:
        engine.dispose()


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as raw:
        conn = raw.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with conn.begin():
            yield conn


def _make_tables(conn: Connection) -> None:
    VERSION.create(conn, checkfirst=False)
    tables.OWN.create_all(conn, checkfirst=False)


def _pour(source: Connection, target: Connection, table: Table) -> None:
    """All rows of a table from one store to the other, exactly as they are stored: cents as cents, JSON as its text."""
    read = [_read(column, source.dialect.name).label(f"v_{column.name}") for column in table.c]
    put = insert(table).values({column.name: _written(column, target.dialect.name) for column in table.c})
    found = source.execute(select(*read), execution_options={"yield_per": ROWS})
    for rows in found.mappings().partitions():
        target.execute(put, [dict(row) for row in rows])


def _read(column: Column[Any], dialect: str) -> ColumnElement[Any]:
    if isinstance(column.type, JSON):
        return cast(column, Text) if dialect == "postgresql" else type_coerce(column, Text)
    return type_coerce(column, _stored_as(column))


def _written(column: Column[Any], dialect: str) -> ColumnElement[Any]:
    value = bindparam(f"v_{column.name}", type_=_stored_as(column))
    return cast(value, JSON) if isinstance(column.type, JSON) and dialect == "postgresql" else value


def _stored_as(column: Column[Any]) -> TypeEngine[Any]:
    if isinstance(column.type, JSON):
        return Text()
    return column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type


# -- back ------------------------------------------------------------------------------------------------------------


def rehearse(engine: Engine, opened: Path, rows: Mapping[str, int]) -> str | None:
    """Put an opened backup into a schema of its own, hold it against its counts, and take it back: nothing stays.

    Returns what is wrong, or None. `rows`: table → rows, as written down when the backup was made.
    """
    with engine.connect() as conn, conn.begin() as transaction:
        conn.execute(text(f"CREATE SCHEMA {SCRATCH}"))
        conn.execute(text(f"SET LOCAL search_path TO {SCRATCH}"))
        put_in(conn, opened)
        found = {one.name: conn.execute(select(func.count()).select_from(one)).scalar_one() for one in ours()}
        breaks = audit_log.verify(conn)[1]
        transaction.rollback()
    if found != dict(rows):
        return f"put into PostgreSQL it has other rows: {sorted(set(found.items()) ^ set(rows.items()))[:3]}"
    return f"put into PostgreSQL its audit log is broken: {breaks[0]}" if breaks else None


def swap(engine: Engine, opened: Path, aside: str) -> None:
    """Put an opened backup in the place of the store, whose tables go into the schema `aside`: all of it, or nothing.

    Raises restore_refused while another process of the standby is connected, OperationalError where somebody holds a
    table and does not let go of it.
    """
    with engine.connect() as conn, conn.begin():
        if conn.execute(text(OTHERS)).scalar_one():
            raise YjError("restore_refused", problem="数据库正在使用 / the store is in use by another process")
        here = conn.execute(text("SELECT current_schema()")).scalar_one()
        there = set(inspect(conn).get_table_names(schema=here))
        quoted = conn.dialect.identifier_preparer.quote
        conn.execute(text(f"CREATE SCHEMA {quoted(aside)}"))
        for table in reversed(ours()):
            if table.name in there:
                conn.execute(text(f"ALTER TABLE {quoted(here)}.{quoted(table.name)} SET SCHEMA {quoted(aside)}"))
        put_in(conn, opened)


def put_in(conn: Connection, opened: Path) -> None:
    """Tables, rows, guards and counters of an opened backup, into the schema that is first in the search path."""
    _make_tables(conn)
    pointing = [
        (conn.dialect.identifier_preparer.format_table(table), key.name)
        for table in ours()
        for key in table.foreign_key_constraints
        if key.referred_table is table
    ]
    # A refund points at its original in the same table: asked about at the end, whatever order they come in.
    for name, key in pointing:
        conn.execute(text(f"ALTER TABLE {name} ALTER CONSTRAINT {key} DEFERRABLE INITIALLY DEFERRED"))
    with _file(opened) as source:
        for table in ours():
            _pour(source, conn, table)
    conn.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    for name, key in pointing:
        conn.execute(text(f"ALTER TABLE {name} ALTER CONSTRAINT {key} NOT DEFERRABLE"))
    for statement in guards.statements("postgresql"):
        conn.execute(text(statement))
    for table in ours():
        _count_on(conn, table)


def _count_on(conn: Connection, table: Table) -> None:
    """Numbers that the database gives out go on after the greatest there is."""
    key = table.autoincrement_column
    if key is None or not isinstance(key.type, Integer):
        return
    sequence = conn.execute(select(func.pg_get_serial_sequence(table.name, key.name))).scalar()
    if sequence is not None:
        newest = select(func.coalesce(func.max(key), 0)).scalar_subquery()
        conn.execute(select(func.setval(sequence, newest + 1, False)))
