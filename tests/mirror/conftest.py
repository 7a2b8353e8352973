"""A store of each kind, an honest centre, and a small hospital to mirror."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from config.sections import Mirror
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.datasets import DATASETS
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from sync.central.fake import FakeCentral
from sync.mirror.run import RunReport, run_mirror
from tests.fixtures_hospital import start_over
from tests.mirror.hospital import hospital

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
def postgres_store(new_database: Callable[[], str]) -> str:
    """The same as a PostgreSQL database, which every test gets as fresh as it was."""
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
        url = str(request.getfixturevalue("postgres_store"))
        end_others(url)
        start_over(url, SettableClock(MORNING))
    made = Store(url, clock)
    yield made
    made.close()


def end_others(url: str) -> None:
    """What a test before has killed is gone a moment later, and what it held with it: that is not waited for."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


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
