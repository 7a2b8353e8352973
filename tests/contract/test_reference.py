"""The reference mapping against the reference HIS in a real PostgreSQL: every dataset, every statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from config.sections import Mirror
from fallback_server.domain.clock import SystemClock
from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.documents import ENTITIES
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from sync.central.check import check
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.mirror.normalise import judge
from sync.mirror.run import run_mirror
from sync.reference_his.create import create_reference

MAPPING = Path(__file__).parents[2] / "config" / "central" / "reference"
pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture(scope="module")
def url(module_database: str) -> str:
    create_reference(module_database, "clinic")
    return module_database


@pytest.fixture
def gateway(url: str) -> Iterator[SqlGateway]:
    made = open_gateway(url, MAPPING, SystemClock())
    yield made
    made.close()


def test_the_centre_fulfils_its_mapping(gateway: SqlGateway) -> None:
    fulfils(gateway)


@pytest.mark.odbc
def test_the_centre_on_mariadb_fulfils_its_mapping(new_mariadb: Callable[[], str]) -> None:
    url = new_mariadb()
    create_reference(url, "clinic")
    made = open_gateway(url, MAPPING.with_name("reference-mariadb"), SystemClock())
    fulfils(made)
    made.close()


def test_the_centre_on_sqlite_fulfils_its_mapping(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'his.sqlite'}"
    create_reference(url, "clinic")
    made = open_gateway(url, MAPPING.with_name("reference-sqlite"), SystemClock())
    fulfils(made)
    made.close()


def fulfils(gateway: SqlGateway) -> None:
    """Nothing is wrong but the ledger, which the first upload makes; then nothing is."""
    findings = check(gateway, judge())
    bad = [f for f in findings if f.status != "ok" and f.subject != "ledger"]
    assert bad == []
    assert gateway.preflight(ENTITIES).problems == ()
    again = check(gateway, judge())
    # The one account of these tests may write, and the check says so: a hospital has two.
    assert [f for f in again if f.status != "ok" and f.subject != "accounts"] == []
    assert any(f.subject == "ledger" and f.status == "ok" for f in again)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_dataset_is_mirrored_without_a_rejection(
    kind: str, gateway: SqlGateway, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    clock = SystemClock()
    store_url = f"sqlite:///{tmp_path}/yj.db" if kind == "sqlite" else new_database()
    upgrade(store_url, clock)
    store = Store(store_url, clock)
    first = run_mirror(store, gateway, Mirror())
    assert (first.state, first.problems) == ("published", [])
    assert set(first.counts) == set(DATASETS)
    assert all(counts["inserted"] == counts["read"] > 0 for counts in first.counts.values()), first.counts
    again = run_mirror(store, gateway, Mirror())
    assert all(counts["updated"] == counts["retired"] == counts["inserted"] == 0 for counts in again.counts.values())
    store.close()


def test_a_centre_restored_from_a_backup_is_held_by_the_mirror(new_database: Callable[[], str], tmp_path: Path) -> None:
    his, url = new_database(), f"sqlite:///{tmp_path}/yj.db"
    create_reference(his, "clinic")
    engine = create_engine(his)
    with engine.begin() as connection:
        newest = "SELECT (json_populate_record(p, '{\"brxh\": 99000001}')).* FROM br_da p ORDER BY brxh DESC LIMIT 1"
        connection.exec_driver_sql(f"INSERT INTO br_da {newest}")
    upgrade(url, SystemClock())
    store, gateway = Store(url, SystemClock()), open_gateway(his, MAPPING, SystemClock())
    assert run_mirror(store, gateway, Mirror(), ["patient"]).published
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM br_da WHERE brxh = 99000001")
    held = run_mirror(store, gateway, Mirror(), ["patient"])
    assert (held.state, [one["kind"] for one in held.problems]) == ("held", ["rewound"])
    assert held.problems[0]["examples"] == ["99000001"]
    assert run_mirror(store, gateway, Mirror(), approve=held.run_id, requested_by="A01").published
    gateway.close()
    store.close()
    engine.dispose()


def test_a_widened_column_of_the_centre_holds_the_run_until_somebody_looked(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    his, url = new_database(), f"sqlite:///{tmp_path}/yj.db"
    create_reference(his, "clinic")
    upgrade(url, SystemClock())
    store, gateway, engine = Store(url, SystemClock()), open_gateway(his, MAPPING, SystemClock()), create_engine(his)
    assert run_mirror(store, gateway, Mirror(), ["drug"]).published
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE yp_xx ALTER COLUMN lsj TYPE numeric(18, 6)")
    held = run_mirror(store, gateway, Mirror(), ["drug"])
    assert (held.state, [one["kind"] for one in held.problems]) == ("held", ["columns_changed"])
    assert any("unit_price" in line for line in held.problems[0]["examples"])
    assert run_mirror(store, gateway, Mirror(), approve=held.run_id, requested_by="A01").published
    assert run_mirror(store, gateway, Mirror(), ["drug"]).published
    gateway.close()
    store.close()
    engine.dispose()


def test_what_the_centre_lacks_is_found_with_a_cure(new_database: Callable[[], str]) -> None:
    broken = new_database()
    create_reference(broken, "clinic")
    engine = create_engine(broken)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE sf_zf RENAME COLUMN je TO jine"))
        connection.execute(text("UPDATE yp_xx SET lsj = -1 WHERE ypxh = 1"))
        connection.execute(text("DROP TABLE pj_ly"))
    engine.dispose()
    gateway = open_gateway(broken, MAPPING, SystemClock())
    found = {f.subject: f for f in check(gateway, judge()) if f.status != "ok"}
    assert found["upload/charge"].status == "fail" and found["upload/charge"].cure
    assert "negative_price" in found["mirror/drug"].sentence
    assert found["mirror/receipt_book"].status == "fail"
    gateway.close()


@pytest.mark.parametrize(
    ("variant", "proofs"),
    [
        ("procedures", {"reference-procedure": {"asked"}}),
        ("unique-column", {"reference-unique-column": {"asked", "person"}, "reference-no-ledger": {"person"}}),
    ],
)
def test_a_vendor_who_allows_no_table_of_ours_is_connected_all_the_same(
    variant: str, proofs: dict[str, set[str]], new_database: Callable[[], str]
) -> None:
    url = new_database()
    create_reference(url, "clinic", variant=variant)
    for name, wanted in proofs.items():
        made = open_gateway(url, MAPPING.with_name(name), SystemClock())
        assert [one for one in check(made, judge()) if one.status == "fail"] == []
        assert list(made.preflight(ENTITIES).problems) == []
        assert {made.proof(entity).value for entity in ENTITIES} == wanted
        made.close()
