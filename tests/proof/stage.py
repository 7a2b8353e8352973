"""The stage of the proof: a clinic in a real PostgreSQL, a standby's store, and copies of both for every case.

They are made once: the clinic (cut down to few patients, so that a copy is quick), a store that has mirrored it, and a
store with a morning's documents of every kind. A case gets copies, breaks what it wants, and asks `balance`.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.engine import make_url

from config.sections import Mirror
from config.settings import Settings
from fallback_server.domain.clock import Clock, SettableClock, SystemClock
from fallback_server.domain.modes import Permit
from fallback_server.store.conflicts import list_conflicts, resolve
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Store
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.mirror.run import run_mirror
from sync.reconcile.report import ReconciliationReport
from sync.reconcile.run import run_reconcile
from sync.reference_his.create import create_reference
from sync.reference_his.postgres import EmbeddedPostgres
from sync.reference_his.variants import VARIANTS, create_variant
from sync.upload.report import UploadReport
from sync.upload.run import run_upload
from tests.fixtures_outage import Morning, Outage
from tests.fixtures_return import PAIR, Desk, Rules
from tests.proof.uploader import MAPPING
from tests.reference_his.test_whole_return import _people, codes

QUICK = Rules(retry_first_seconds=0, retry_max_seconds=0)
RUNS = 60  # more than any case needs; a case that needs more has hung
PATIENTS = 300
_NUMBERS = itertools.count(1)

# Where one row of the centre is the document itself; our number stands in its YJLSH.
TABLES = {
    "patient": "br_da", "registration": "gh_mx", "prescription": "cf_zb", "order": "yj_sq", "charge": "sf_zb",
    "refund": "sf_zb",
}  # fmt: skip
FINAL = {"confirmed", "conflict", "settled"}


@dataclass(frozen=True)
class Balance:
    """The equation as it was found: documents made here = ledger rows + parked, and each once at the centre."""

    documents: int
    ledger: int
    confirmed: int
    parked: int
    business_rows: int
    total: Decimal

    def counts(self) -> dict[str, Any]:
        """For the report."""
        return {name: str(value) for name, value in vars(self).items()}


@dataclass
class Case:
    """One store and one centre that belong to a single case."""

    folder: Path
    centre_url: str
    made: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)
    mapping: Path = MAPPING
    _engine: Engine | None = None

    @property
    def store_url(self) -> str:
        return f"sqlite:///{self.folder}/yj.db"

    @property
    def his(self) -> Engine:
        """The centre as its own people see it, past every wire."""
        if self._engine is None:
            self._engine = create_engine(self.centre_url)
        return self._engine

    def store(self, clock: Clock | None = None) -> Store:
        return Store(self.store_url, clock or self.clock, pool_size=4)

    def gateway(self, url: str = "", clock: Clock | None = None) -> SqlGateway:
        return open_gateway(url or self.centre_url, self.mapping, clock or self.clock)

    @property
    def has_ledger(self) -> bool:
        """Whether a table of ours at the centre is part of the proof."""
        return self.mapping == MAPPING

    def order(self, **place: Any) -> dict[str, Any]:
        """What an uploader process is told."""
        return {"store": self.store_url, "centre": self.centre_url, "mapping": str(self.mapping), **place}

    def upload(self, url: str = "", **options: Any) -> UploadReport:
        """One run in this process."""
        store, gateway = self.store(), self.gateway(url)
        try:
            return run_upload(store, gateway, QUICK, **options)
        finally:
            gateway.close()
            store.close()

    def upload_until_done(self, url: str = "", runs: int = RUNS) -> int:
        """Run again as the worker does until nothing is left; returns the runs it took."""
        store, gateway = self.store(), self.gateway(url)
        try:
            for number in range(1, runs + 1):
                report = run_upload(store, gateway, QUICK)
                if report.complete:
                    return number
                assert report.state in ("stopped", "done"), report
        finally:
            gateway.close()
            store.close()
        raise AssertionError(f"{runs} runs were not enough: {report}")

    def reconcile(self, incident_no: int = 1) -> ReconciliationReport:
        store, gateway = self.store(), self.gateway()
        try:
            return run_reconcile(store, gateway, incident_no)
        finally:
            gateway.close()
            store.close()

    def decide(self, choices: Mapping[str, str]) -> int:
        """Two people decide what waits: by `choices`, kind → decision, else the first decision there is."""
        store = self.store()
        try:
            with store.reading() as tx:
                numbers = sorted(set(tx.conn.execute(select(outbox.c.incident_no)).scalars()))
                waiting = [item for no in numbers for item in list_conflicts(tx.conn, no, only_open=True)]
            for item in waiting:
                wanted = choices.get(item["kind"], item["possible"][0]["decision"])
                with store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
                    resolve(tx, item["id"], wanted, "looked at by two people")
            return len(waiting)
        finally:
            store.close()

    def documents(self) -> list[dict[str, Any]]:
        """The outbox as it stands."""
        store = self.store()
        try:
            with store.reading() as tx:
                rows = tx.conn.execute(select(outbox).order_by(outbox.c.sequence)).mappings()
                return [dict(row) for row in rows]
        finally:
            store.close()

    def rows(self, sql: str, **binds: Any) -> list[dict[str, Any]]:
        """A question to the centre's tables."""
        with self.his.connect() as connection:
            return [dict(row) for row in connection.execute(text(sql), binds).mappings()]

    def run(self, sql: str, **binds: Any) -> int:
        """A statement at the centre, by its own hands."""
        with self.his.begin() as connection:
            return int(connection.execute(text(sql), binds).rowcount)

    def balance(self, *, final: bool = True) -> Balance:
        """Both sides compared row by row; nothing of uploader or reconciliation is used. Raises AssertionError.

        Without `final` the upload may be in the middle: then what is at the centre must be whole and there once.
        """
        documents = {row["yj_id"]: row for row in self.documents()}
        assert documents.keys() >= self.made.keys(), "an acknowledged document is not in the outbox"
        sequences = sorted(row["sequence"] for row in documents.values())
        assert sequences == list(range(1, len(documents) + 1)), "the sequence has a gap or a double"
        ledger = self._ledger() if self.has_ledger else self._shown(documents)
        assert ledger.keys() <= documents.keys(), "the ledger has a document that the standby does not know"
        states = Counter(row["state"] for row in documents.values())
        for yj_id, there in ledger.items():
            own = documents[yj_id]
            assert there["payload_hash"].strip() == own["payload_hash"], own["yj_no"]
            assert Decimal(there["amount"]) == Decimal(own["amount"]), own["yj_no"]
        confirmed = {yj_id for yj_id, row in documents.items() if row["state"] == "confirmed"}
        if final:
            assert set(states) <= FINAL, states
            assert ledger.keys() == confirmed, "ledger and confirmed documents differ"
        assert confirmed <= ledger.keys(), "confirmed here, and the ledger does not have it"
        rows = self._business_rows(documents, ledger)
        total = self._money(documents, ledger)
        return Balance(len(documents), len(ledger), len(confirmed), states["conflict"], rows, total)

    def _ledger(self) -> dict[str, dict[str, Any]]:
        if not self.rows("SELECT 1 AS n FROM information_schema.tables WHERE table_name = 'yj_ledger'"):
            return {}
        found = self.rows("SELECT yj_id, payload_hash, amount, central_key, entity FROM yj_ledger")
        return {row["yj_id"].strip(): row for row in found}

    def _shown(self, documents: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Where there is no ledger: documents whose row is at the centre; of those that have none, the confirmed."""
        there = {
            row["no"] for table in set(TABLES.values())
            for row in self.rows(f"SELECT trim(yjlsh) AS no FROM {table} WHERE yjbz = '1'")
        }  # fmt: skip
        linked = self._linked()

        def counts(yj_id: str, row: Mapping[str, Any]) -> bool:
            rowless = row["entity"] not in TABLES or yj_id in linked
            return row["yj_no"] in there or (rowless and row["state"] == "confirmed")

        return {yj_id: dict(row) for yj_id, row in documents.items() if counts(yj_id, row)}

    def _business_rows(self, documents: Mapping[str, Any], ledger: Mapping[str, Any]) -> int:
        """Each document in the ledger has its row once, any other none. A linked one has no row of its own."""
        there: dict[str, Counter[str]] = {}
        for table in set(TABLES.values()):
            numbers = self.rows(f"SELECT trim(yjlsh) AS no FROM {table} WHERE yjbz = '1'")
            there[table] = Counter(row["no"] for row in numbers)
        linked = self._linked()
        wanted: dict[str, Counter[str]] = {table: Counter() for table in there}
        for yj_id, row in documents.items():
            if row["entity"] in TABLES and yj_id in ledger and yj_id not in linked:
                wanted[TABLES[row["entity"]]][row["yj_no"]] += 1
        for table, numbers in there.items():
            assert numbers == wanted[table], {
                "table": table, "too many": numbers - wanted[table], "missing": wanted[table] - numbers,
            }  # fmt: skip
        return sum(numbers.total() for numbers in there.values())

    def _linked(self) -> set[str]:
        store = self.store()
        try:
            with store.reading() as tx:
                # Without a ledger a person links a document to its own row, too.
                told = "linked%" if self.has_ledger else "linked: exactly%"
                sql = text("SELECT yj_id FROM outbox_move WHERE to_state = 'confirmed' AND detail LIKE :told")
                return set(tx.conn.execute(sql, {"told": told}).scalars())
        finally:
            store.close()

    def _money(self, documents: Mapping[str, Any], ledger: Mapping[str, Any]) -> Decimal:
        """Charges, lines and payments at the centre, each against our sum; no receipt number twice."""
        own = sum(
            (Decimal(row["amount"]) for yj_id, row in documents.items() if yj_id in ledger and row["amount"] is not None
             and row["entity"] in ("charge", "refund")),
            Decimal("0.00"),
        )  # fmt: skip
        sums = self.rows(
            "SELECT coalesce(sum(zje), 0) AS heads,"
            " (SELECT coalesce(sum(je), 0) FROM sf_mx m JOIN sf_zb z ON z.sfxh = m.sfxh WHERE z.yjbz = '1') AS lines,"
            " (SELECT coalesce(sum(je), 0) FROM sf_zf p JOIN sf_zb z ON z.sfxh = p.sfxh WHERE z.yjbz = '1') AS paid"
            " FROM sf_zb WHERE yjbz = '1'"
        )[0]
        assert {name: Decimal(value) for name, value in sums.items()} == {"heads": own, "lines": own, "paid": own}
        twice = self.rows(
            "SELECT fphm FROM sf_zb WHERE yjbz = '1' AND tfxh IS NULL AND fphm IS NOT NULL GROUP BY fphm"
            " HAVING count(*) > 1"
        )
        assert not twice, twice
        return own

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


class Ground:
    """What all cases are copied from."""

    def __init__(self, server: EmbeddedPostgres, folder: Path, settings: Settings) -> None:
        self.server = server
        self.folder = folder
        self._template = f"proof_{next(_NUMBERS)}"
        url = server.create_database(self._template)
        create_reference(url, "clinic", logins=folder / "logins.json")
        _cut_down(url)
        _offer_all(url)
        people = _people(url, json.loads((folder / "logins.json").read_text(encoding="utf-8")))
        self.mirrored, self.morning = folder / "mirrored", folder / "morning"
        (folder / "work").mkdir()
        outage = Outage(folder / "work", url, MAPPING, people, settings)
        run = run_mirror(outage.store, outage.gateway, Mirror())
        assert (run.state, run.problems) == ("published", [])
        outage.close()
        shutil.copytree(folder / "work", self.mirrored)
        outage = Outage(folder / "work", url, MAPPING, people, settings)
        outage.clock.at -= timedelta(minutes=2)
        outage.hospital.emergency()
        Morning(outage, codes(outage)).play()
        outage.hospital.back()
        self.made = {row["yj_id"]: row["entity"] for row in outage.hospital.outbox()}
        self.codes = codes(outage)
        quiet = (
            "SELECT brxh FROM br_da WHERE coalesce(zfpb, 0) = 0 AND brxh NOT IN (SELECT brxh FROM gh_mx)"
            " AND brxh NOT IN (SELECT brxh FROM sf_zb WHERE brxh IS NOT NULL) ORDER BY brxh DESC"
        )
        self.patients = [str(key) for key in _keys(url, quiet)]
        outage.close()
        shutil.copytree(folder / "work", self.morning)

    def case(self, *, empty: bool = False, mapping: Path = MAPPING) -> Case:
        """A fresh copy of both sides: with the morning's documents, or with none."""
        number = next(_NUMBERS)
        folder = self.folder / f"case-{number}"
        shutil.copytree(self.mirrored if empty else self.morning, folder)
        return Case(folder, self.clone(f"case_{number}"), {} if empty else self.made, mapping=mapping)

    def clone(self, name: str) -> str:
        """Another copy of the clinic."""
        self._admin(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"')
        return make_url(self.server.url).set(database=name).render_as_string(hide_password=False)

    def drop(self, case: Case) -> None:
        """Give back what a case used."""
        case.close()
        self._admin(f'DROP DATABASE IF EXISTS "{make_url(case.centre_url).database}" WITH (FORCE)')
        shutil.rmtree(case.folder, ignore_errors=True)

    def desk(self, case: Case, *, minutes: int = 30, clock: SettableClock | None = None) -> Desk:
        """A desk that makes documents straight in the store, in the last minutes before now."""
        clock = clock or SettableClock(SystemClock().now() - timedelta(minutes=minutes))
        item, drug, department = self.codes.item, self.codes.drug, self.codes.department
        return Desk(case.store(clock), clock, item_code=item, department=department, drug_code=drug, real=True)

    def _admin(self, sql: str) -> None:
        url = make_url(self.server.url).set(database="postgres", drivername="postgresql")
        connection = psycopg2.connect(url.render_as_string(hide_password=False))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
        connection.close()


def _keys(url: str, sql: str) -> list[Any]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = list(connection.execute(text(sql)).scalars())
    engine.dispose()
    return found


def _offer_all(url: str) -> None:
    """What every kind of vendor offers, in the one clinic: a mapping uses what its ledger mode needs."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for variant in VARIANTS:
            create_variant(connection, variant)
    engine.dispose()


def _cut_down(url: str) -> None:
    """Few patients, and schedules of these days only: the proof copies the clinic hundreds of times."""
    engine = create_engine(url)
    used = " UNION ".join(f"SELECT brxh FROM {table}" for table in ("gh_mx", "cf_zb", "sf_zb", "yj_sq"))
    with engine.begin() as connection:
        connection.execute(
            text(
                f"DELETE FROM br_da WHERE brxh < (SELECT max(brxh) FROM br_da) - {PATIENTS}"
                f" AND brxh NOT IN (SELECT brxh FROM ({used}) u WHERE brxh IS NOT NULL)"
            )
        )
        connection.execute(text("DELETE FROM br_kp k WHERE NOT EXISTS (SELECT 1 FROM br_da d WHERE d.brxh = k.brxh)"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL"))
        connection.execute(text("ANALYZE"))
    engine.dispose()
