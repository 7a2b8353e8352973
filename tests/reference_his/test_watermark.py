"""Between full reads only the patients that changed are read, in every database: the trigger's time tells them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text

from config.sections import Mirror
from fallback_server.domain.clock import SystemClock
from fallback_server.store import mirror
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.mirror.run import run_mirror
from sync.reference_his import acts
from sync.reference_his.create import create_reference
from sync.reference_his.moments import centre_now
from tests.reference_his.conftest import ENGINES, FOLDERS, MAPPINGS

pytestmark = pytest.mark.slow


@pytest.fixture(params=ENGINES)
def centre_url(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A clinic of its own in each database, and the folder of its mapping."""
    make = {"postgresql": "new_database", "mariadb": "new_mariadb"}.get(request.param)
    url = request.getfixturevalue(make)() if make else f"sqlite:///{tmp_path / 'his.sqlite'}"
    create_reference(url, "clinic")
    return url, FOLDERS[request.param]


@pytest.fixture
def standby(centre_url: tuple[str, str], tmp_path: Path) -> Iterator[tuple[Store, SqlGateway]]:
    """A fresh standby beside it."""
    clock, url = SystemClock(), f"sqlite:///{tmp_path}/yj.db"
    upgrade(url, clock)
    store = Store(url, clock)
    gateway = open_gateway(centre_url[0], MAPPINGS / centre_url[1], clock)
    yield store, gateway
    gateway.close()
    store.close()


def known(store: Store, patient_no: str) -> Any:
    table = mirror.datasets["patient"]
    with store.reading() as tx:
        return tx.conn.execute(select(table).where(table.c.patient_no == patient_no)).one_or_none()


def test_what_changed_is_read_alone_and_a_delete_is_found_by_the_sweep(
    centre_url: tuple[str, str], standby: tuple[Store, SqlGateway]
) -> None:
    store, gateway = standby
    first = run_mirror(store, gateway, Mirror(), ["patient"])
    assert first.counts["patient"]["read"] == 20_000
    # Everything was made before now, the overlap of ten minutes too: nothing is read again.
    assert run_mirror(store, gateway, Mirror(), ["patient"]).counts["patient"]["read"] < 100
    engine = create_engine(centre_url[0])
    with engine.begin() as connection:
        connection.execute(text("UPDATE br_da SET lxdh = '15412345678' WHERE brxh = 77"))
        connection.execute(text("DELETE FROM br_da WHERE brxh = 78"))
        fresh = acts.create_patient(connection, centre_now(), name="新来的")
    engine.dispose()
    second = run_mirror(store, gateway, Mirror(), ["patient"])
    assert (second.state, second.problems) == ("published", [])
    assert 2 <= second.counts["patient"]["read"] < 100
    assert (known(store, "77").phone, known(store, str(fresh)).name) == ("15412345678", "新来的")
    assert known(store, "78") is not None
    run_mirror(store, gateway, Mirror(), ["patient"], sweep=["patient"])
    assert known(store, "78") is None
