"""A store of each kind, an honest centre, and a small hospital to mirror."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from config.settings import Mirror
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.datasets import DATASETS
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from sync.central.fake import FakeCentral
from sync.mirror.run import RunReport, run_mirror
from tests.mirror.hospital import hospital

MORNING = datetime.fromisoformat("2026-11-23T08:00:00+08:00")


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(MORNING)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: SettableClock) -> Iterator[Store]:
    """An empty store with its schema, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/yj.db"
    else:
        new_database: Callable[[], str] = request.getfixturevalue("new_database")
        url = new_database()
    upgrade(url, clock)
    made = Store(url, clock)
    yield made
    made.close()


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
