"""The mirror of the same centre is the same, row for row, whichever database the centre runs on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from config.sections import Mirror
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.datasets import DATASETS
from fallback_server.store import mirror
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from sync.central.gateway import ClockLimits
from sync.central.sql_gateway import open_gateway
from sync.mirror.run import run_mirror
from sync.reference_his import schema
from tests.reference_his.conftest import ENGINES, FOLDERS, MAPPINGS, NOW, Clinic, clinic_of

pytestmark = pytest.mark.slow
Rows = dict[str, dict[str, str]]


def published(made: Clinic, mapping: Path, folder: Path) -> Rows:
    """What a first run publishes: dataset → id → hash of the row. The clinic is a Sunday's, its clock is not."""
    clock, url = SettableClock(NOW), f"sqlite:///{folder}/yj.db"
    upgrade(url, clock)
    store = Store(url, clock)
    patient = ClockLimits(warn_seconds=1e9, fail_seconds=1e9)
    gateway = open_gateway(made.url, mapping, clock, clock_limits=patient)
    report = run_mirror(store, gateway, Mirror())
    assert (report.state, report.problems) == ("published", [])
    with store.reading() as tx:
        tables = {name: mirror.datasets[name] for name in DATASETS}
        rows = {
            name: {one.id: one.row_hash for one in tx.conn.execute(select(t.c.id, t.c.row_hash))}
            for name, t in tables.items()
        }
    gateway.close()
    store.close()
    return rows


@pytest.fixture(scope="module")
def from_sqlite(sqlite_clinic: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The mirror of the centre in SQLite, which can be run everywhere."""
    return published(sqlite_clinic, MAPPINGS / FOLDERS["sqlite"], tmp_path_factory.mktemp("standby"))


@pytest.mark.parametrize("name", ENGINES[:2])
def test_every_dataset_is_the_same_row_for_row(
    name: str, from_sqlite: Rows, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    compare(published(clinic_of(name, request), MAPPINGS / FOLDERS[name], tmp_path), from_sqlite)


def compare(rows: Rows, others: Rows) -> None:
    for dataset in DATASETS:
        here, there = rows[dataset], others[dataset]
        differing = [key for key in here | there if here.get(key) != there.get(key)]
        assert here and not differing, (dataset, differing[:5])


@pytest.mark.parametrize("name", ENGINES)
def test_read_in_short_pages_it_is_the_same_again(
    name: str, from_sqlite: Rows, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """As a centre is read that allows no long transaction: many short statements, each after the last key."""
    mapping = tmp_path / "by_pages"
    mapping.mkdir()
    base = MAPPINGS / FOLDERS[name]
    own = (base / "mapping.toml").read_text(encoding="utf-8")
    if name == "postgresql":
        own = 'name = "by_pages"\ndialect = "postgresql"\nextends = "../reference"\n'
    shutil.copytree(MAPPINGS / "reference", tmp_path / "reference")
    if name != "postgresql":
        shutil.copytree(base, mapping, dirs_exist_ok=True)
    pages = '\n[read]\nisolation = "pages"\npage_rows = 1000\n'
    (mapping / "mapping.toml").write_text(own + pages, encoding="utf-8")
    compare(published(clinic_of(name, request), mapping, tmp_path), from_sqlite)


@pytest.mark.parametrize("name", ENGINES)
def test_rare_characters_and_padding_survive_in_every_database(name: str, request: pytest.FixtureRequest) -> None:
    made = clinic_of(name, request)
    with made.engine.connect() as connection, connection.begin() as transaction:
        # Low bytes D8 to DB, at the end and in front, look like half a pair to a driver that counts wrongly.
        rare = "𠮷𡈽龘 ‘·’进四默" + "默"
        connection.execute(update(schema.br_da).where(schema.br_da.c.brxh == 1).values(brxm=rare))
        assert connection.execute(select(schema.br_da.c.brxm).where(schema.br_da.c.brxh == 1)).scalar_one() == rare
        code = connection.execute(text("SELECT ksdm FROM gy_ks WHERE ksdm = 'EKZH'")).scalar_one()
        assert len(code) == (4 if name == "mariadb" else 10)  # MariaDB takes the blanks off when it reads
        transaction.rollback()
