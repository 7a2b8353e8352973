"""The centres of the contract, a fresh one a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.centres import Centre, FakeCentre, MariadbCentre, PostgresCentre, RealCentre, SqliteCentre

REAL = [
    pytest.param("postgresql", marks=pytest.mark.postgres),
    pytest.param("mariadb", marks=pytest.mark.odbc),
    "sqlite",
]


def made(kind: str, request: pytest.FixtureRequest) -> RealCentre:
    """A real centre of this kind."""
    if kind == "postgresql":
        return PostgresCentre(request.getfixturevalue("new_database")())
    if kind == "mariadb":
        server = request.getfixturevalue("mariadb_server")
        return MariadbCentre(server, request.getfixturevalue("new_mariadb")())
    return SqliteCentre(request.getfixturevalue("tmp_path"))


@pytest.fixture(params=["fake", *REAL])
def centre(request: pytest.FixtureRequest) -> Iterator[Centre]:
    """A centre that keeps the port's promises, whichever it is."""
    found: Centre = FakeCentre() if request.param == "fake" else made(request.param, request)
    yield found
    found.close()


@pytest.fixture(params=REAL)
def any_real(request: pytest.FixtureRequest) -> Iterator[RealCentre]:
    """Every real centre, for what only a database can do."""
    found = made(request.param, request)
    yield found
    found.close()


@pytest.fixture
def real(new_database: Callable[[], str]) -> Iterator[PostgresCentre]:
    """The real PostgreSQL alone."""
    found = PostgresCentre(new_database())
    yield found
    found.close()


@pytest.fixture
def mariadb(request: pytest.FixtureRequest) -> Iterator[RealCentre]:
    """MariaDB alone."""
    found = made("mariadb", request)
    yield found
    found.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteCentre]:
    """SQLite alone."""
    found = SqliteCentre(tmp_path)
    yield found
    found.close()
