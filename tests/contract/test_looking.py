"""Looks at a real centre: a ledger that is not there is asked about once an hour, unless it was there before."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from fallback_server.domain.clock import SystemClock
from sync.central.gateway import LookFailed, Systemic
from sync.central.sql_gateway import SqlGateway, open_gateway
from tests.contract.centres import MAPPING

pytestmark = pytest.mark.postgres


@pytest.fixture
def bare(new_database: Callable[[], str]) -> Iterator[SqlGateway]:
    """A centre without our tables."""
    gateway = open_gateway(new_database(), MAPPING, SystemClock())
    yield gateway
    gateway.close()


def test_a_ledger_that_is_missing_does_not_fill_the_centres_log(bare: SqlGateway) -> None:
    with pytest.raises(LookFailed) as refused:
        list(bare.look())
    assert refused.value.step == "write" and isinstance(refused.value.error, Systemic)
    again = list(bare.look())
    assert again[-1].step == "read" and again[-1].note == "refused"
    with pytest.raises(LookFailed):
        list(bare.look(insist=True))


def test_the_mappings_own_write_is_tried_and_taken_back(new_database: Callable[[], str], tmp_path: Path) -> None:
    mapping = Path(shutil.copytree(MAPPING, tmp_path / "mapping"))
    (mapping / "upload/write_probe.sql").write_text("-- step row\nINSERT INTO watched (at) VALUES (:now_at)\n", "utf-8")
    url = new_database()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE watched (at text NOT NULL)"))
    gateway = open_gateway(url, mapping, SystemClock())
    try:
        assert [step.step for step in gateway.look()] == ["tcp", "login", "read", "write"]
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM watched")).scalar_one() == 0
    finally:
        gateway.close()
        engine.dispose()
