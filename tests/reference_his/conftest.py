"""The same filled clinic in every database that can be run, made once for this folder's tests, and a tiny runner of
upload files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Connection, Engine

from sync.central.edges.mariadb import spell_out
from sync.central.mapping import CentralMapping, load
from sync.central.sql_file import SqlFile, Step
from sync.central.vocabulary import LISTS, entity_names
from sync.reference_his.create import Summary, create_reference
from sync.reference_his.moments import HOSPITAL_ZONE

MAPPINGS = Path(__file__).parents[2] / "config" / "central"
MAPPING = MAPPINGS / "reference"
FOLDERS = {"postgresql": "reference", "mariadb": "reference-mariadb", "sqlite": "reference-sqlite"}
ENGINES = [
    pytest.param("postgresql", marks=pytest.mark.postgres), pytest.param("mariadb", marks=pytest.mark.odbc), "sqlite",
]  # fmt: skip
NOW = datetime(2026, 11, 22, 10, 30, tzinfo=HOSPITAL_ZONE)
CHAR16 = "%Y%m%d%H:%M:%S"


@dataclass(frozen=True)
class Clinic:
    """The reference centre of these tests."""

    url: str
    engine: Engine
    summary: Summary
    logins: Path
    seen: list[tuple[str, int]]


@pytest.fixture(scope="session")
def clinic(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """The clinic scale in PostgreSQL as of a Sunday morning, filled once; tests roll back what they do."""
    yield from _filled(new_database(), tmp_path_factory)


@pytest.fixture(scope="session")
def mariadb_clinic(new_mariadb: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """The same in MariaDB, over ODBC."""
    yield from _filled(new_mariadb(), tmp_path_factory)


@pytest.fixture(scope="session")
def sqlite_clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """The same in SQLite."""
    yield from _filled(f"sqlite:///{tmp_path_factory.mktemp('his') / 'his.sqlite'}", tmp_path_factory)


def _filled(url: str, folders: pytest.TempPathFactory) -> Iterator[Clinic]:
    logins: Path = folders.mktemp("logins") / "logins.json"
    seen: list[tuple[str, int]] = []
    summary = create_reference(
        url, "clinic", logins=logins, now=NOW, progress=lambda table, rows: seen.append((table, rows))
    )
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        _with_savepoints(engine)
    elif engine.dialect.name == "mariadb":
        event.listen(engine, "before_cursor_execute", spell_out, retval=True)
    yield Clinic(url, engine, summary, logins, seen)
    engine.dispose()


def _with_savepoints(engine: Engine) -> None:
    """The driver begins by itself, and too late for a savepoint."""
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))


def clinic_of(name: str, request: pytest.FixtureRequest) -> Clinic:
    """The clinic in the database of this name."""
    made: Clinic = request.getfixturevalue({"postgresql": "clinic"}.get(name, f"{name}_clinic"))
    return made


@pytest.fixture
def postgres_centre(clinic: Clinic) -> Iterator[Connection]:
    """A connection to PostgreSQL's clinic in a transaction that is rolled back."""
    yield from _rolled_back(clinic)


@pytest.fixture(params=ENGINES)
def centre(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """The same in every database that can be run."""
    yield from _rolled_back(clinic_of(request.param, request))


def _rolled_back(made: Clinic) -> Iterator[Connection]:
    with made.engine.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()


class ConflictError(Exception):
    """An `-- expect` that did not hold; the text is its code."""


@cache
def _mapping(folder: str) -> CentralMapping:
    return load(MAPPINGS / folder)


def file_of(connection: Connection, name: str) -> SqlFile:
    """A file of the mapping that belongs to the connection's database."""
    return _mapping(FOLDERS[connection.dialect.name]).files[name]


def query(connection: Connection, name: str, /, **binds: object) -> list[dict[str, Any]]:
    """Rows of one reading file of the mapping."""
    (step,) = file_of(connection, name).steps
    return [dict(row) for row in connection.execute(step.statement, _bound(step, binds)).mappings()]


def upload(connection: Connection, entity: str, **payload: Any) -> str:
    """Run one upload file in a savepoint, as the gateway does it; returns the central key or raises ConflictError."""
    file = file_of(connection, f"upload/{entity}")
    scope: dict[str, Any] = dict.fromkeys(entity_names(entity)) | HEADER | payload
    with connection.begin_nested():
        for step in file.steps:
            items: list[dict[str, Any]] = [{}]
            if step.each:
                empty = dict.fromkeys(LISTS[entity][step.each])
                items = [empty | item for item in payload.get(step.each, [])]
            for item in items:
                _run(connection, step, scope, item)
    return str(scope["central_key"])


HEADER = {
    "yj_id": "01JTEST", "yj_no": "YJ2611220010001", "operator_code": "0393", "operator_name": "罗丽丽",
    "occurred_at": "2026-11-22T11:05:06+08:00", "business_date": "2026-11-22", "now_at": "2026-11-22T18:00:00+08:00",
    "yj_marker": "1",
}  # fmt: skip


def _run(connection: Connection, step: Step, scope: dict[str, Any], item: dict[str, Any]) -> None:
    values = scope | item
    if not all(condition.holds(values.get(condition.bind)) for condition in step.when):
        return
    result = connection.execute(step.statement, _bound(step, values))
    rows = result.mappings().all() if result.returns_rows else []
    count = len(rows) if result.returns_rows else result.rowcount
    if step.expect is not None and count != step.expect:
        raise ConflictError(step.conflict)
    for name in step.returns:
        scope[name] = str(rows[0][name])


def _bound(step: Step, values: dict[str, Any] | dict[str, object]) -> dict[str, Any]:
    """The binds of a step; the two time formats of this mapping are derived where they are asked for."""
    bound: dict[str, Any] = {}
    for name in step.statement_binds:
        base, _, form = name.rpartition("_")
        if form not in ("char16", "char8"):
            bound[name] = values[name]
            continue
        moment = values[base]
        form = CHAR16 if form == "char16" else "%Y%m%d"
        bound[name] = datetime.fromisoformat(str(moment)).strftime(form) if moment else None
    return bound


def scalar(connection: Connection, sql: str, **binds: object) -> Any:
    """One value."""
    return connection.execute(text(sql), binds).scalar()


def money(value: object) -> Decimal:
    """A sum as Decimal."""
    return Decimal(str(value))
