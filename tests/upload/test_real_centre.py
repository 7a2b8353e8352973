"""The same promises against the reference HIS in a real PostgreSQL: broken, repeated, reconciled, balanced."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.engine import make_url

from fallback_server.domain.clock import SettableClock, SystemClock, to_text
from fallback_server.domain.modes import Permit
from fallback_server.store.conflicts import list_conflicts, resolve
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Store
from sync.central.dialects import APPLICATION_NAME
from sync.central.gateway import Applied, OutcomeUnknown, Outgoing
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.reconcile.run import run_reconcile
from sync.reference_his.blind_window import BlindWindow
from sync.reference_his.create import create_reference
from sync.reference_his.postgres import EmbeddedPostgres
from sync.upload.run import run_upload
from tests.fixtures_return import PAIR, Desk, Rules

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
MAPPING = Path(__file__).parents[2] / "config" / "central" / "reference"


@pytest.fixture(scope="module")
def his_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a filled clinic to copy."""
    create_reference(postgres_server.create_database("his_template"), "clinic")
    return "his_template"


@pytest.fixture
def his(postgres_server: EmbeddedPostgres, his_template: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A clinic of its own for one test."""
    import psycopg2

    name = f"his_{abs(hash(request.node.nodeid)) % 10**10}"
    admin = make_url(postgres_server.url).set(database="postgres", drivername="postgresql")
    connection = psycopg2.connect(admin.render_as_string(hide_password=False))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{his_template}"')
    connection.close()
    url = make_url(postgres_server.url).set(database=name, drivername="postgresql+psycopg2")
    engine = create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> SettableClock:
    """Now: the pre-flight compares clocks."""
    return SettableClock(SystemClock().now())


@pytest.fixture
def gateway(his: Engine, clock: SettableClock) -> Iterator[SqlGateway]:
    """The real gateway on this test's clinic."""
    opened = open_gateway(his.url.render_as_string(hide_password=False), MAPPING, clock)
    yield opened
    opened.close()


class Shaky:
    """The real gateway behind a connection that breaks: before the transaction, or after its commit."""

    def __init__(self, real: SqlGateway, chance: random.Random) -> None:
        self._real = real
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def apply(self, outgoing: Outgoing, *, rehearse: bool = False) -> Applied:
        """Half of all attempts lose the answer, some of them with the work done."""
        lot = self._chance.random()
        if lot < 0.25:
            raise OutcomeUnknown("cut before")
        applied = self._real.apply(outgoing, rehearse=rehearse)
        if lot < 0.5:
            raise OutcomeUnknown("cut after the commit")
        return applied


def people(his: Engine, count: int) -> list[str]:
    with his.connect() as connection:
        sql = "SELECT brxh FROM br_da WHERE coalesce(zfpb, 0) = 0 ORDER BY brxh DESC LIMIT :n"
        return [str(key) for key in connection.execute(text(sql), {"n": count}).scalars()]


def counted(his: Engine, table: str) -> int:
    with his.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table} WHERE yjbz = '1'")).scalar_one())


@pytest.fixture
def real_desk(store: Store, clock: SettableClock, his: Engine) -> Desk:
    """A desk whose items and departments exist at the reference HIS."""
    with his.connect() as connection:
        item = connection.execute(
            text("SELECT trim(xmdm) FROM sf_xm WHERE coalesce(tybz,'0')='0' AND coalesce(zfpb,0)=0 LIMIT 1")
        ).scalar_one()
        department = connection.execute(
            text("SELECT trim(ksdm) FROM gy_ks WHERE coalesce(zfpb,0)=0 AND kslb = '1' LIMIT 1")
        ).scalar_one()
        drug = connection.execute(
            text("SELECT ypxh FROM yp_xx WHERE coalesce(tybz,'0')='0' AND coalesce(zfpb,0)=0 LIMIT 1")
        ).scalar_one()
    return Desk(store, clock, item_code=item, department=department, drug_code=str(drug), real=True)


def a_day(desk: Desk, patients: Sequence[str]) -> int:
    """Visits of known and new patients, refunds; returns the documents made."""
    desk.open()
    for number in patients:
        desk.visit(number)
    for index in range(3):
        desk.visit(desk.patient(name=f"应急新病人{index}", birth_date="2019-01-01"))
    desk.refund(desk.charge(patients[0]), patients[0])
    desk.close()
    with desk.store.reading() as tx:
        return len(tx.conn.execute(select(outbox.c.yj_id)).all())


def test_a_day_comes_back_and_balances(real_desk: Desk, gateway: SqlGateway, his: Engine) -> None:
    a_day(real_desk, people(his, 5))
    rehearsal = run_upload(real_desk.store, gateway, Rules(), dry_run=True)
    assert rehearsal.state == "done" and all(item["ok"] for item in rehearsal.rehearsed), rehearsal
    assert counted(his, "sf_zb") == 0
    report = run_upload(real_desk.store, gateway, Rules(), pause=real_desk.clock.advance)
    assert report.complete, report
    assert (counted(his, "br_da"), counted(his, "gh_mx"), counted(his, "cf_zb"), counted(his, "sf_zb")) == (3, 8, 8, 10)
    account = run_reconcile(real_desk.store, gateway, real_desk.incident_no)
    assert account.balanced, account.differences
    assert account.totals == {"local": "197.44", "ledger": "197.44", "central": "197.44"}


def test_the_centre_is_held_in_no_transaction_longer_than_one_document(
    real_desk: Desk, gateway: SqlGateway, his: Engine
) -> None:
    made = a_day(real_desk, people(his, 4))
    held: list[int] = []
    watcher = his.connect().execution_options(isolation_level="AUTOCOMMIT")
    in_transaction = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = :ours AND xact_start IS NOT NULL"
    )

    def between_documents(step: str, done: int, _total: int) -> None:
        if step == "send" and done:
            held.append(watcher.execute(in_transaction, {"ours": APPLICATION_NAME}).scalar_one())

    report = run_upload(real_desk.store, gateway, Rules(), pause=real_desk.clock.advance, progress=between_documents)
    assert report.complete and held == [0] * made
    # The server's own numbers of transactions: one for each document, and its business rows in the same.
    wrote = watcher.execute(text("SELECT xmin::text, count(*) FROM yj_ledger GROUP BY 1 ORDER BY 1")).all()
    assert [count for _, count in wrote] == [1] * made
    charged = watcher.execute(
        text("SELECT DISTINCT m.xmin::text FROM sf_mx m JOIN sf_zb z USING (sfxh) WHERE yjbz = '1'")
    )
    assert {number for number in charged.scalars()} <= {number for number, _ in wrote}
    watcher.close()


def test_half_of_all_answers_lost_and_still_each_document_once(
    real_desk: Desk, gateway: SqlGateway, his: Engine
) -> None:
    made = a_day(real_desk, people(his, 4))
    shaky = Shaky(gateway, random.Random(5))
    for _ in range(20):
        if run_upload(real_desk.store, shaky, Rules(), pause=real_desk.clock.advance).complete:
            break
    assert (counted(his, "br_da"), counted(his, "gh_mx"), counted(his, "cf_zb"), counted(his, "sf_zb")) == (3, 7, 7, 9)
    with his.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM yj_ledger")).scalar_one() == made
    account = run_reconcile(real_desk.store, gateway, real_desk.incident_no)
    assert account.balanced, account.differences


def test_killed_at_every_point_and_still_each_document_once(real_desk: Desk, gateway: SqlGateway, his: Engine) -> None:
    made = a_day(real_desk, people(his, 2))
    chance = random.Random(7)

    def die(point: str, yj_id: str) -> None:
        if chance.random() < 0.2:
            raise KeyboardInterrupt

    for _ in range(60):
        with suppress(KeyboardInterrupt):
            if run_upload(real_desk.store, gateway, Rules(), pause=real_desk.clock.advance, crash=die).complete:
                break
    assert run_upload(real_desk.store, gateway, Rules(), pause=real_desk.clock.advance).complete
    with his.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM yj_ledger")).scalar_one() == made
    assert run_reconcile(real_desk.store, gateway, real_desk.incident_no).balanced


def test_conflicts_of_the_blind_window_are_decided_and_the_account_closes(
    real_desk: Desk, gateway: SqlGateway, his: Engine
) -> None:
    known = people(his, 3)
    real_desk.open()
    used = real_desk.charge(known[0])
    paid = real_desk.charge(known[1])
    new = real_desk.patient(name="王芳之子", sex="M", birth_date="2026-08-11", id_no="110101198503120021")
    slip = real_desk.registration(new)
    real_desk.close()
    with real_desk.store.reading() as tx:
        number = tx.conn.execute(select(outbox.c.receipt_no).where(outbox.c.yj_id == used)).scalar_one()
    window = BlindWindow(his.url.render_as_string(hide_password=False))
    window.use_receipt_number(number, patient_no=known[2])
    window.create_patient(name="王芳", sex="F", birth_date="1985-03-12", id_no="110101198503120021")
    window.close()
    report = run_upload(real_desk.store, gateway, Rules(), pause=real_desk.clock.advance)
    assert report.left["conflict"] == 2
    for kind, decision in (
        ("receipt_no_used", "retry_without_receipt"), ("patient_match", "create"), ("doubt_receipt_number", "noted"),
        ("doubt_patient_twice", "noted"),
    ):  # fmt: skip
        with real_desk.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
            items = [item for item in list_conflicts(tx.conn, 1, only_open=True) if item["kind"] == kind]
            assert len(items) == 1, kind
            resolve(tx, items[0]["id"], decision, "核对过")
    assert run_upload(real_desk.store, gateway, Rules(), pause=real_desk.clock.advance).complete
    assert {paid, used, new, slip} <= set(gateway.ledger_find([paid, used, new, slip]))
    account = run_reconcile(real_desk.store, gateway, 1)
    assert account.balanced, account.differences


SEEDS: dict[str, tuple[str, list[str]]] = {
    "row deleted": ("DELETE FROM sf_zb WHERE sfxh = :key", ["missing_at_centre"]),
    "amount changed": ("UPDATE sf_zb SET zje = zje + 1 WHERE sfxh = :key", ["amount"]),
    "method changed": ("UPDATE sf_zf SET zffs = '3' WHERE sfxh = :key", ["method"]),
    "category changed": ("UPDATE sf_mx SET fylb = '09' WHERE sfxh = :key", ["category"]),
    "row doubled": (
        "INSERT INTO sf_zb (sfxh, sflb, czydm, sfrq, zje, zt, yjbz, yjlsh) "
        "SELECT 99999999, sflb, czydm, sfrq, zje, zt, yjbz, yjlsh FROM sf_zb WHERE sfxh = :key",
        ["doubled"],
    ),
    "extra row": (
        "INSERT INTO sf_zb (sfxh, sflb, czydm, sfrq, zje, zt, yjbz, yjlsh) "
        "SELECT 99999999, sflb, czydm, sfrq, zje, zt, yjbz, 'YJ000000' FROM sf_zb WHERE sfxh = :key",
        ["extra_at_centre"],
    ),
    "ledger row deleted": (
        "DELETE FROM yj_ledger WHERE central_key = CAST(:key AS varchar) AND entity = 'charge'",
        ["ledger_missing"],
    ),
}


def test_every_seeded_discrepancy_of_the_real_tables_is_found_alone(
    real_desk: Desk, gateway: SqlGateway, his: Engine
) -> None:
    real_desk.open()
    real_desk.charge(people(his, 1)[0])
    one = real_desk.charge(people(his, 2)[1])
    real_desk.close()
    assert run_upload(real_desk.store, gateway, Rules(), pause=real_desk.clock.advance).complete
    key = int(str(gateway.ledger_find([one])[one].central_key))
    tables = ("sf_zb", "sf_mx", "sf_zf", "yj_ledger")
    with his.begin() as connection:
        for table in tables:
            connection.execute(text(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}"))
    for name, (sql, found) in SEEDS.items():
        with his.begin() as connection:
            connection.execute(text(sql), {"key": key})
        account = run_reconcile(real_desk.store, gateway, 1)
        assert [item["kind"] for item in account.differences] == found, name
        with his.begin() as connection:
            for table in tables:
                connection.execute(text(f"DELETE FROM {table}"))
                connection.execute(text(f"INSERT INTO {table} SELECT * FROM kept_{table}"))
    assert run_reconcile(real_desk.store, gateway, 1).balanced


def test_a_centre_from_last_nights_backup_is_recognised(
    real_desk: Desk, gateway: SqlGateway, his: Engine, publish_keys: Callable[[Store, str, str], None]
) -> None:
    real_desk.open()
    real_desk.charge(people(his, 1)[0])
    real_desk.close()
    with his.connect() as connection:
        greatest = connection.execute(text("SELECT max(brxh) FROM br_da")).scalar_one()
    publish_keys(real_desk.store, "patient", str(greatest + 3))
    report = run_upload(real_desk.store, gateway, Rules(), pause=real_desk.clock.advance)
    assert (report.state, report.code) == ("refused", "rewound")
    assert counted(his, "sf_zb") == 0


def test_a_standby_from_a_backup_in_mid_incident_goes_on_with_the_same_centre(
    real_desk: Desk, gateway: SqlGateway, his: Engine, clock: SettableClock, tmp_path: Path
) -> None:
    from sync.upload.recover import recover
    from tests.upload.test_recover import backup_of, came_back

    if not real_desk.store.url.startswith("sqlite"):
        pytest.skip("the backup here is a copy of a file")
    patients = people(his, 4)
    number = real_desk.open()
    real_desk.visit(patients[0])
    backup = backup_of(real_desk, tmp_path)
    lost = real_desk.visit(patients[1])
    real_desk.close()
    assert run_upload(real_desk.store, gateway, Rules(), pause=clock.advance).complete
    with came_back(real_desk, backup, clock):
        real_desk.visit(patients[2])
        real_desk.close()
        refused = run_upload(real_desk.store, gateway, Rules(), pause=clock.advance)
        assert (refused.state, refused.code) == ("refused", "ledger_ahead")
        found = recover(real_desk.store, gateway, number, PAIR, "换盘后恢复备份")
        assert found is not None and found.done["confirmed"] == found.done["renumbered"] == 3
        assert run_upload(real_desk.store, gateway, Rules(), pause=clock.advance).complete
        assert [counted(his, table) for table in ("sf_zb", "gh_mx", "cf_zb")] == [3, 3, 3]
        account = run_reconcile(real_desk.store, gateway, number)
        assert {(one["kind"], one["yj_id"]) for one in account.differences} == {
            ("recovered", one) for one in lost.values()
        }
        assert account.totals["ledger"] == account.totals["central"]


@pytest.fixture
def publish_keys() -> Callable[[Store, str, str], None]:
    """Make the mirror remember a patient that this centre does not have."""
    from fallback_server.store.database import open_mirror_engine
    from fallback_server.store.mirror import dataset_state, datasets
    from tests.fixtures_hospital import mirror_row

    def publish(store: Store, dataset: str, key: str) -> None:
        engine = open_mirror_engine(store.url)
        with engine.connect() as raw:
            connection = raw.execution_options(yj_write=True)
            with connection.begin():
                row = mirror_row(dataset, {"patient_no": key, "name": "丢失的病人", "sex": "F", "active": True})
                connection.execute(datasets[dataset].insert().values(**row))
                connection.execute(
                    dataset_state.update().where(dataset_state.c.dataset == dataset).values(greatest_key=key)
                )
        engine.dispose()

    return publish


@pytest.fixture(autouse=True)
def _mirror_of_this_centre(store: Store, clock: SettableClock) -> None:
    """As of ten minutes ago, and without the cast: patients the centre never had would look like a rewound centre."""
    from fallback_server.store.database import open_mirror_engine
    from fallback_server.store.mirror import dataset_state, datasets

    engine = open_mirror_engine(store.url)
    with engine.connect() as raw:
        connection = raw.execution_options(yj_write=True)
        with connection.begin():
            connection.execute(datasets["patient"].delete())
            connection.execute(dataset_state.update().values(as_of=to_text(clock.now() - timedelta(minutes=10))))
    engine.dispose()
