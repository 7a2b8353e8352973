"""A filled clinic, made once for this folder's tests, and a tiny runner of upload files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, Engine

from sync.central.sql_file import Step, parse
from sync.central.vocabulary import LISTS, entity_names
from sync.reference_his.create import Summary, create_reference
from sync.reference_his.moments import HOSPITAL_ZONE

MAPPING = Path(__file__).parents[2] / "config" / "central" / "reference"
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
    """The clinic scale as of a Sunday morning, filled once; tests roll back what they do."""
    url, logins, seen = new_database(), tmp_path_factory.mktemp("logins") / "logins.json", []
    summary = create_reference(
        url, "clinic", logins=logins, now=NOW, progress=lambda table, rows: seen.append((table, rows))
    )
    engine = create_engine(url)
    yield Clinic(url, engine, summary, logins, seen)
    engine.dispose()


@pytest.fixture
def centre(clinic: Clinic) -> Iterator[Connection]:
    """A connection in a transaction that is rolled back."""
    with clinic.engine.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()


class ConflictError(Exception):
    """An `-- expect` that did not hold; the text is its code."""


def query(connection: Connection, name: str, /, **binds: object) -> list[dict[str, Any]]:
    """Rows of one reading file of the mapping."""
    (step,) = parse(name, (MAPPING / f"{name}.sql").read_text(encoding="utf-8")).steps
    return [dict(row) for row in connection.execute(step.statement, _bound(step, binds)).mappings()]


def upload(connection: Connection, entity: str, **payload: Any) -> str:
    """Run one upload file in a savepoint, as the gateway does it; returns the central key or raises ConflictError."""
    file = parse(f"upload/{entity}", (MAPPING / "upload" / f"{entity}.sql").read_text(encoding="utf-8"))
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
