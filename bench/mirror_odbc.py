"""A centre in MariaDB behind an ODBC driver, with the same patients as the one in PostgreSQL, and a bare read of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import create_engine

from bench.mirror_rows import raw
from bench.stage import ROOT, Stage
from sync.central.mapping import load
from sync.reference_his.schema import br_da, create_indexes, create_tables
from tests.fixtures_mariadb import MariadbServer, missing, running

MAPPING = ROOT / "config" / "central" / "reference-mariadb"
FETCHED = 5000

__all__ = ["MAPPING", "centre", "missing", "read_loop"]


@contextmanager
def centre(here: Stage) -> Iterator[str]:
    """The patients of the stage's centre in a server of its own; its URL. See `missing` before."""
    with running() as server:
        url = server.create_database("bench")
        engine = create_engine(url)
        with engine.begin() as connection:
            create_tables(connection)
        _copy(here, server)
        with engine.begin() as connection:
            create_indexes(connection)
        engine.dispose()
        yield url


def _copy(here: Stage, server: MariadbServer) -> None:
    """What COPY writes is what LOAD DATA reads."""
    columns = ", ".join(column.name for column in br_da.columns)
    file = here.folder / "br_da.txt"
    source = raw(here.centre_url)
    with file.open("wb") as into, source.cursor() as cursor:
        cursor.copy_expert(f"COPY br_da ({columns}) TO STDOUT", into)
    source.close()
    server.admin(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE bench.br_da CHARACTER SET utf8mb4 ({columns})")
    file.unlink()


def read_loop(url: str) -> float:
    """Seconds of the bare driver reading the mapping's SELECT to its end, a few thousand rows at a time."""
    import pyodbc

    sql = load(Path(MAPPING)).files["mirror/patient"].steps[-1].sql
    address = parse_qs(urlsplit(url).query)["odbc_connect"][0]
    connection = pyodbc.connect(address, CHARSET="utf8mb4", NO_CACHE=1, FORWARDONLY=1)
    for kind in (pyodbc.SQL_CHAR, pyodbc.SQL_WCHAR):
        connection.setdecoding(kind, encoding="utf-8")  # as ours has it: this driver's UTF-16 cuts characters
    begun = time.perf_counter()
    cursor = connection.cursor()
    cursor.execute(sql)
    while cursor.fetchmany(FETCHED):
        pass
    spent = time.perf_counter() - begun
    connection.close()
    return spent
