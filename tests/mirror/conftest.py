"""A store of each kind, an honest centre, and a small hospital to mirror."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from config.sections import Mirror
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.datasets import DATASETS
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from sync.central.fake import FakeCentral
from sync.mirror.run import RunReport, run_mirror
from tests.mirror.hospital import hospital

_NUMBERS = itertools.count(1)
MORNING = datetime.fromisoformat("2026-11-23T08:00:00+08:00")


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(MORNING)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store to copy: migrating takes longer than most tests."""
    folder = tmp_path_factory.mktemp("template")
    upgrade(f"sqlite:///{folder}/yj.db", SettableClock(MORNING))
    return folder


@pytest.fixture(scope="session")
def postgres_template(new_database: Callable[[], str]) -> str:
    """The same as a PostgreSQL database."""
    url = new_database()
    upgrade(url, SettableClock(MORNING))
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: SettableClock) -> Iterator[Store]:
    """An empty store with its schema, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        home = Path(shutil.copytree(request.getfixturevalue("sqlite_template"), tmp_path / "home"))
        url = f"sqlite:///{home}/yj.db"
    else:
        url = _copy_database(request.getfixturevalue("postgres_template"))
    made = Store(url, clock)
    yield made
    made.close()


def _copy_database(template: str) -> str:
    source = make_url(template)
    name = f"{source.database}_{next(_NUMBERS)}"
    engine = create_engine(source.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {source.database}"))
    engine.dispose()
    return source.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def centre(clock: SettableClock) -> FakeCentral:
    """A centre with every dataset filled."""
    made = FakeCentral(clock=clock)
    made.datasets = hospital()
    assert set(made.datasets) == set(DATASETS)
    return made


@pytest.fixture
def rules() -> Mirror:
    return Mirror()


@pytest.fixture
def mirror(store: Store, centre: FakeCentral, rules: Mirror) -> Callable[..., RunReport]:
    """Run the mirror once."""

    def run(*datasets: str, **options: Any) -> RunReport:
        return run_mirror(store, centre, rules, datasets or None, **options)

    return run
