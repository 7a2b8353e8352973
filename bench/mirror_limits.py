"""What the mirror is held against: the fastest thing that could be done at all with the same rows, and plainer ways."""

# ruff: noqa: S608  (names of columns and tables are ours)

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Column, MetaData, Table, create_engine, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from bench.mirror_rows import raw
from fallback_server.store.mirror import datasets
from fallback_server.store.session import Store

PATIENT = datasets["patient"]
NAMES = [column.name for column in PATIENT.columns]
Rows = Sequence[tuple[Any, ...]]


def rows_of(store: Store) -> list[tuple[Any, ...]]:
    """All published patients, as tuples in memory."""
    with store.reading() as tx:
        return [tuple(row) for row in tx.conn.exec_driver_sql(f"SELECT {', '.join(NAMES)} FROM mirror.patient")]


def executemany(path: Path, rows: Rows, *, indexed: bool) -> float:
    """Seconds of one `executemany` in one durable transaction; with `indexed` into the mirror's own table, its indexes
    made when the rows are there, else into a bare one with nothing but its primary key."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-8192"):
        connection.execute(f"PRAGMA {pragma}")
    table = str(CreateTable(PATIENT).compile(dialect=sqlite.dialect())).replace("mirror.", "")
    connection.execute(table if indexed else f"CREATE TABLE patient ({', '.join(NAMES)}, PRIMARY KEY (patient_no))")
    begun = time.perf_counter()
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO patient VALUES ({', '.join('?' * len(NAMES))})", rows)
    for index in sorted(PATIENT.indexes, key=lambda one: str(one.name)) if indexed else ():
        connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())).replace("mirror.", ""))
    connection.execute("COMMIT")
    spent = time.perf_counter() - begun
    connection.close()
    _forget(path)
    return spent


def core(path: Path, rows: Rows) -> float:
    """Seconds of plain SQLAlchemy Core: the same rows as dicts, 5,000 at a time, into a bare table."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE patient ({', '.join(NAMES)}, PRIMARY KEY (patient_no))")
    table = Table("patient", MetaData(), *(Column(name) for name in NAMES))
    begun = time.perf_counter()
    with engine.begin() as connection:
        for start in range(0, len(rows), 5000):
            connection.execute(
                insert(table), [dict(zip(NAMES, row, strict=True)) for row in rows[start : start + 5000]]
            )
    spent = time.perf_counter() - begun
    engine.dispose()
    _forget(path)
    return spent


def copy_out(url: str, select: str) -> float:
    """Seconds of one COPY of the mapping's SELECT to nowhere."""
    connection = raw(url)
    begun = time.perf_counter()
    with connection.cursor() as cursor, Path(os.devnull).open("wb") as nowhere:
        cursor.copy_expert(f"COPY ({select}) TO STDOUT", nowhere)
    spent = time.perf_counter() - begun
    connection.close()
    return spent


def copy_through(source: str, target: str, select: str, columns: Sequence[str]) -> float:
    """Seconds of binary COPY piped to COPY, from the centre into a bare table with a primary key."""
    out, into = raw(source), raw(target)
    with out.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({select}) q LIMIT 0")
        types = _types(out, [column[1] for column in cursor.description])
    with into.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS copied")
        table = ", ".join(f"{name} {kind}" for name, kind in zip(columns, types, strict=True))
        cursor.execute(f"CREATE TABLE copied ({table}, PRIMARY KEY (patient_no))")
    into.commit()
    begun = time.perf_counter()
    _pipe(out, into, select)
    into.commit()
    spent = time.perf_counter() - begun
    with into.cursor() as cursor:
        cursor.execute("DROP TABLE copied")
    into.commit()
    out.close()
    into.close()
    return spent


def copy_in(store: Store) -> float:
    """Seconds of one binary COPY of the finished rows into the mirror's own table, its indexes made when they are
    there; nothing is read from a centre, and nothing is worked out."""
    connection = raw(store.url)
    with connection.cursor() as cursor, tempfile.TemporaryFile() as rows:
        cursor.copy_expert("COPY mirror.patient TO STDOUT (FORMAT binary)", rows)
        rows.seek(0)
        begun = time.perf_counter()
        cursor.execute("CREATE TABLE copied (LIKE mirror.patient)")
        cursor.copy_expert("COPY copied FROM STDIN (FORMAT binary)", rows, 1 << 20)
        cursor.execute("ALTER TABLE copied ADD PRIMARY KEY (patient_no)")
        for index in PATIENT.indexes:
            columns = ", ".join(column.name for column in index.columns)
            cursor.execute(f"CREATE {'UNIQUE' if index.unique else ''} INDEX ON copied ({columns})")
        connection.commit()
        spent = time.perf_counter() - begun
        cursor.execute("DROP TABLE copied")
    connection.commit()
    connection.close()
    return spent


def _types(connection: Any, oids: Sequence[int]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT o, format_type(o, NULL) FROM unnest(%s::oid[]) o", (list(oids),))
        known = dict(cursor.fetchall())
    return [known[oid] for oid in oids]


def _pipe(out: Any, into: Any, select: str) -> None:
    reader, writer = os.pipe()

    def send() -> None:
        with os.fdopen(writer, "wb", 1 << 20) as pipe, out.cursor() as cursor:
            cursor.copy_expert(f"COPY ({select}) TO STDOUT (FORMAT binary)", pipe)

    sender = threading.Thread(target=send)
    sender.start()
    with os.fdopen(reader, "rb", 1 << 20) as pipe, into.cursor() as cursor:
        cursor.copy_expert("COPY copied FROM STDIN (FORMAT binary)", pipe, 1 << 20)
    sender.join()


def _forget(path: Path) -> None:
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        each.unlink(missing_ok=True)
