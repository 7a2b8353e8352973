"""A centre unlike the reference one, connected by a mapping that was written from docs/connect-your-his.md alone."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from config.sections import Mirror
from config.settings import Settings
from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.documents import ENTITIES
from fallback_server.store import mirror
from sync.central.check import check
from sync.mirror.normalise import judge
from sync.mirror.run import run_mirror
from sync.reconcile.run import run_reconcile
from sync.reference_his.moments import HOSPITAL_ZONE, char8
from sync.upload.run import run_upload
from tests.fixtures_outage import Codes, Morning, Outage
from tests.fixtures_return import Rules

HERE = Path(__file__).parent
PEOPLE = {
    "doctor": ("ouyang", 501, "physician"), "registrar": ("zeng", 503, "frontdesk"), "cashier": ("qiu", 504, "till"),
    "pharmacist": ("hua", 505, "dispensary"), "admin": ("xie", 506, "it"),
}  # fmt: skip
CODES = Codes(
    department="10", other_department="11", register_type="1", fee="8.00", drug="1", item="S2", diagnosis="J06.9",
    known_patient="1", centre_prescription="1", centre_order="1", usage="PO", frequency="TID",
)  # fmt: skip


@pytest.fixture
def kanghe(tmp_path: Path, hospital_settings: Settings) -> Iterator[Outage]:
    """The community hospital of this morning, and a standby beside it."""
    path = tmp_path / "kanghe.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript((HERE / "schema.sql").read_text(encoding="utf-8"))
        _fill(connection)
    connection.close()
    people = {role: (login, f"{login}-2026") for role, (login, _, _) in PEOPLE.items()}
    made = Outage(tmp_path, f"sqlite:///{path}", HERE / "mapping", people, hospital_settings)
    yield made
    made.close()


def _fill(connection: sqlite3.Connection) -> None:
    """Patients, log-ins with their rolls of paper, and a morning's work."""
    now = int(time.time())
    today = int(char8(datetime.fromtimestamp(now, HOSPITAL_ZONE)))

    def add(table: str, **row: object) -> None:
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))

    for number, (family, given) in enumerate([("欧阳", "娜娜"), ("单", "小单"), ("王", "𠮷"), ("曾", "经")], start=1):
        then = now - 86400 * number
        add(
            "person", family_name=family, given_name=given, gender="female", born=20150100 + number, paper_id=1,
            paper_no=f"11010520150{number:04d}X", payer_id=1, made_at=then, touched_at=then,
        )  # fmt: skip
        add("card", tag=f"K{number:05d}", kind_id=1, person_id=number)
    for number, (login, employee, right) in enumerate(PEOPLE.values()):
        digest = hashlib.sha256(f"salt{login}-2026".encode()).hexdigest()
        add("login", login=login, employee_id=employee, secret=f"salt${digest}")
        add("login_right", login=login, right_name=right)
        first = 1000 * number + 1
        add(
            "paper_roll",
            roll_id=number,
            login=login,
            series="K",
            first_no=first,
            last_no=first + 998,
            next_no=first + 4,
        )
    doctor = {"dept_id": 10, "employee_id": 501}
    add("roster", roster_id=1, day=today, part=1, **doctor, kind_id=1, places=20, taken=1)
    for person in (1, 2):
        add("visit", person_id=person, **doctor, kind_id=1, at=now - 3600, place=person, state=person, last_day=today)
    paper = {"visit_id": 1, "person_id": 1, **doctor, "at": now - 1800}
    add("script", **paper, diagnoses="J06.9", fen=2500)
    add(
        "script_item", script_id=1, pos=1, drug_id=1, title="阿莫西林胶囊", packs=2, fen_each=1250, fen=2500, dose="2",
        dose_unit="粒", route_id=1, rhythm_id=2, days=3,
    )  # fmt: skip
    add("request", **paper, fen=2000)
    add("request_item", request_id=1, pos=1, service_id=1, title="血常规", times=1, fen_each=2000, fen=2000)


def test_the_check_finds_nothing_to_mend(kanghe: Outage) -> None:
    bad = [f for f in check(kanghe.gateway, judge()) if f.status == "fail"]
    assert bad == []


def test_its_shapes_become_ours(kanghe: Outage) -> None:
    run = run_mirror(kanghe.store, kanghe.gateway, Mirror())
    assert (run.state, run.problems) == ("published", [])
    with kanghe.store.reading() as tx:
        counts = {
            name: tx.conn.execute(select(func.count()).select_from(mirror.datasets[name])).scalar_one()
            for name in DATASETS
        }
        assert all(counts.values()), counts
        people = mirror.datasets["patient"]
        row = tx.conn.execute(select(people).where(people.c.patient_no == "1")).one()
        assert (row.name, row.pinyin, row.birth_date) == ("欧阳娜娜", "OYNN", "2015-01-01")
        drugs = mirror.datasets["drug"]
        price = select(drugs.c.unit_price).where(drugs.c.drug_code == "1")
        assert tx.conn.execute(price).scalar_one() == Decimal(
            "12.50"
        )  # of three prices in the history the one that is valid


def test_a_time_in_seconds_serves_as_a_watermark(kanghe: Outage) -> None:
    run_mirror(kanghe.store, kanghe.gateway, Mirror())
    with kanghe.his.begin() as connection:
        connection.execute(
            text("UPDATE person SET mobile = '15400000009', touched_at = :now WHERE person_id = 3"),
            {"now": int(time.time())},
        )
    again = run_mirror(kanghe.store, kanghe.gateway, Mirror(), ["patient"])
    # The one that changed, and the newest of before, which lies in the overlap.
    assert (again.counts["patient"]["read"], again.counts["patient"]["updated"]) == (2, 1)


def test_a_whole_outage_comes_back_and_balances(kanghe: Outage) -> None:
    assert run_mirror(kanghe.store, kanghe.gateway, Mirror()).state == "published"
    number = kanghe.hospital.emergency()
    Morning(kanghe, CODES).play()
    kanghe.hospital.back()
    assert {row["entity"] for row in kanghe.hospital.outbox()} == set(ENTITIES)
    report = run_upload(kanghe.store, kanghe.gateway, Rules(), pause=kanghe.clock.advance)
    assert report.complete, report
    account = run_reconcile(kanghe.store, kanghe.gateway, number)
    assert account.balanced, account.differences
    assert kanghe.one("SELECT state FROM script WHERE script_id = 1") == 20
    assert kanghe.one("SELECT family_name || '|' || given_name FROM person WHERE source = 'YJ'") == "王|芳之子𠮷"
    total = kanghe.one("SELECT sum(fen) FROM bill WHERE source = 'YJ'")
    assert Decimal(account.totals["central"]) == Decimal(total) / 100 > 0
