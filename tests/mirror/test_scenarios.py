"""What goes wrong at real centres, one story each: a run is published whole or changes nothing (P5, P6, P14)."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.sections import Mirror
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.datasets import DATASETS
from fallback_server.store import mirror as tables
from fallback_server.store import mirror_status
from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.central.gateway import CentralGateway, Transient, Unreachable
from sync.central.sql_gateway import open_gateway
from sync.mirror.refresh import refresh
from sync.mirror.rollback import go_back
from sync.mirror.run import RunReport
from tests.mirror.conftest import MORNING
from tests.mirror.hospital import Rows, drug, hospital, patient, prescription, prescription_line, published

Run = Callable[..., RunReport]


@pytest.fixture
def mirror(store: Store, centre: FakeCentral, rules: Mirror) -> Run:
    def once(*datasets: str, **options: Any) -> RunReport:
        return refresh(store, centre, rules, datasets or None, **options)

    return once


def everything(store: Store) -> dict[str, Rows]:
    return {name: published(store, name) for name in DATASETS}


def kinds(report: RunReport) -> set[str]:
    return {problem["kind"] for problem in report.problems}


def busy_morning(centre: FakeCentral) -> None:
    """Something changes, comes and goes in several datasets."""
    centre.datasets["patient"] = [patient(1, name="改名"), *hospital()["patient"][2:], patient(301)]
    centre.datasets["drug"] = [drug(n, unit_price="12.60") for n in range(1, 11)] + list(hospital()["drug"][10:])
    centre.datasets["open_prescription"] = []
    centre.datasets["open_prescription_line"] = []


# -- the connection ---------------------------------------------------------------------------------------------------


CUTS = [("drug", 1), ("drug", 2), ("drug", 6), ("patient", 1), ("patient", 7), ("patient", 11), ("open_order_line", 2)]


@pytest.mark.parametrize(("dataset", "page"), CUTS)
def test_a_connection_cut_at_any_page_leaves_the_old_generation_or_the_whole_new_one(
    store: Store, centre: FakeCentral, mirror: Run, dataset: str, page: int
) -> None:
    centre.page_rows = 20
    mirror()
    before = everything(store)
    busy_morning(centre)
    centre.fail_at_page(dataset, page, Unreachable("connection reset"))
    report = mirror()
    after = everything(store)
    if report.published:
        assert after["patient"][0]["name"] == "改名" and after["open_prescription"] == []
    else:
        assert after == before and kinds(report) == {"unreachable"}
    assert mirror().published  # by itself, at the next tick
    whole = everything(store)
    assert whole["patient"][0]["name"] == "改名" and len(whole["patient"]) == 200 and whole["open_prescription"] == []


def test_a_connection_that_is_cut_again_and_again_is_left_and_mends_itself(
    store: Store, centre: FakeCentral, mirror: Run
) -> None:
    centre.page_rows = 20
    mirror()
    before = everything(store)
    busy_morning(centre)
    for number in range(1, 12):
        centre.fail_at_page("patient", number, Transient("snapshot too old"))
    states = [mirror().state for _ in range(12)]
    assert set(states) <= {"failed", "published"} and states[-1] == "published"
    after = everything(store)
    assert after != before and after["patient"][0]["name"] == "改名"


def test_a_first_load_that_is_cut_leaves_no_mirror_and_no_half(store: Store, centre: FakeCentral, mirror: Run) -> None:
    centre.page_rows = 20
    for number in (1, 5, 10):
        centre.fail_at_page("patient", number, Unreachable("x"))
        report = mirror()
        if not report.published:
            assert everything(store) == {name: [] for name in DATASETS}
    assert mirror().published and len(published(store, "patient")) == 200


# -- the source -------------------------------------------------------------------------------------------------------


def test_a_source_that_was_emptied(store: Store, centre: FakeCentral, mirror: Run) -> None:
    mirror()
    before = everything(store)
    centre.datasets = {name: [] for name in DATASETS}
    report = mirror()
    assert report.state == "held" and kinds(report) == {"emptied"} and everything(store) == before
    named = {problem["dataset"] for problem in report.problems}
    assert named == {name for name, dataset in DATASETS.items() if dataset.group == "master"}


@pytest.mark.parametrize("dataset", ["drug", "patient"])
def test_a_source_of_which_three_in_ten_are_missing(
    store: Store, centre: FakeCentral, mirror: Run, dataset: str
) -> None:
    mirror()
    before = everything(store)
    centre.datasets[dataset] = centre.datasets[dataset][: len(centre.datasets[dataset]) * 7 // 10]
    report = mirror()
    assert report.state == "held" and "shrunk" in kinds(report) and everything(store) == before


def test_keys_that_are_doubled(store: Store, centre: FakeCentral, mirror: Run) -> None:
    mirror()
    before = everything(store)
    centre.datasets["patient"] = [*centre.datasets["patient"], *(patient(n, name="又一个") for n in (3, 4, 5))]
    report = mirror()
    assert report.state == "held" and kinds(report) == {"duplicate_keys"} and everything(store) == before


def test_prices_times_a_hundred(store: Store, centre: FakeCentral, mirror: Run) -> None:
    """Somebody changed yuan into fen."""
    mirror()
    before = everything(store)
    centre.datasets["drug"] = [
        {**one, "unit_price": Decimal(one["unit_price"]) * 100} for one in centre.datasets["drug"]
    ]
    report = mirror()
    assert report.state == "held" and "wild_prices" in kinds(report) and everything(store) == before


def test_one_bad_row_stops_nothing(store: Store, centre: FakeCentral, mirror: Run) -> None:
    """P14, with values that a database would refuse in the middle of a batch."""
    mirror()
    for bad in (
        patient(901, name=None), patient(902, sex="?"), patient(903, birth_date="2019-02-30"),
        patient(904, name="王\ufffd"), patient(905, name="\ud842"), patient(906) | {"active": "maybe"},
    ):  # fmt: skip
        centre.datasets["patient"] = [bad, *hospital()["patient"], patient(999, name="好")]
        report = mirror("patient")
        assert report.published and report.counts["patient"]["rejected"] == 1, bad
        names = {one["patient_no"]: one["name"] for one in published(store, "patient")}
        assert names["999"] == "好" and bad["patient_no"] not in names


def test_numbers_that_no_column_can_hold_stop_nothing(store: Store, centre: FakeCentral, mirror: Run) -> None:
    mirror()
    for value in ("99999999999999999999", Decimal("1E+300"), "9223372036854775807", 10**18, "1e400", 999999999999999):
        centre.datasets["drug"] = [drug(901, unit_price=value), *hospital()["drug"], drug(902, pack_qty=value)]
        report = mirror("drug")
        assert report.published and report.counts["drug"]["rejected"] == 2, value


def test_half_a_prescription_is_never_shown(store: Store, centre: FakeCentral, mirror: Run) -> None:
    """A line, or the head, cannot be taken: what stood there before stays, all of it; what is new waits, all of it."""
    heads, lines = "open_prescription", "open_prescription_line"
    centre.datasets[heads] = [prescription(501), prescription(502, total="50.00")]
    centre.datasets[lines] = [
        prescription_line(501, 1), prescription_line(501, 2), prescription_line(502, 1), prescription_line(502, 2),
    ]  # fmt: skip
    mirror()
    before = everything(store)
    for head, bad in (
        (prescription(501, total="99.00"), prescription_line(501, 2, quantity="x")),
        (prescription(501, total="99.00", status="?"), prescription_line(501, 2, quantity=7)),
    ):
        centre.datasets[heads] = [head, prescription(502, total="50.00"), prescription(503)]
        centre.datasets[lines] = [
            prescription_line(501, 1, quantity=3), bad, prescription_line(502, 1), prescription_line(502, 2),
            prescription_line(503, 1), prescription_line(503, 2, amount=None),
        ]  # fmt: skip
        report = mirror()
        after = everything(store)
        assert report.published and after[heads] == before[heads] and after[lines] == before[lines]
        with store.reading() as tx:
            reasons = {(one["dataset"], one["reason"]) for one in mirror_status.rejections(tx.conn, 100)}
        assert {(heads, "incomplete"), (lines, "orphan"), (lines, "missing_value")} <= reasons


def test_a_table_in_which_everything_changed(store: Store, centre: FakeCentral, mirror: Run) -> None:
    centre.datasets["patient"] = [patient(n) for n in range(1, 5001)]
    mirror()
    before = everything(store)
    centre.datasets["patient"] = [patient(n, phone="13900009999") for n in range(1, 5001)]
    held = mirror()
    assert held.state == "held" and kinds(held) == {"much_changed"} and everything(store) == before
    done = mirror(approve=held.run_id, requested_by="A01", approved_reason="all got a new number")
    assert done.published and done.counts["patient"]["updated"] == 5000
    assert {one["phone"] for one in published(store, "patient")} == {"13900009999"}
    go_back(store, "A01")
    assert everything(store) == before


# -- people -----------------------------------------------------------------------------------------------------------


def test_approving_one_run_does_not_approve_the_next(store: Store, centre: FakeCentral, mirror: Run) -> None:
    mirror()
    centre.datasets["drug"] = [drug(n, unit_price="99.9") for n in range(1, 101)]
    held = mirror("drug")
    assert mirror(approve=held.run_id, requested_by="A01", approved_reason="new list").published
    centre.datasets["drug"] = [drug(n, unit_price="0.5") for n in range(1, 101)]
    assert mirror("drug").state == "held"
    assert published(store, "drug")[0]["unit_price"] == Decimal("99.9000")


def test_an_approved_run_that_changed_meanwhile_is_held_anew(store: Store, centre: FakeCentral, mirror: Run) -> None:
    mirror()
    before = everything(store)
    centre.datasets["drug"] = [drug(n, unit_price="99.9") for n in range(1, 101)]
    held = mirror()
    centre.datasets["drug"] = [drug(n, unit_price="9990") for n in range(1, 101)]
    again = mirror(approve=held.run_id, requested_by="A01", approved_reason="x")
    assert again.state == "held" and again.content_hash != held.content_hash and everything(store) == before


def test_after_a_roll_back_the_next_run_brings_it_again(
    store: Store, centre: FakeCentral, mirror: Run, clock: SettableClock
) -> None:
    mirror()
    before = everything(store)
    busy_morning(centre)
    clock.advance(60)
    mirror()
    new = everything(store)
    go_back(store, "A01")
    assert everything(store) == before
    clock.advance(60)
    assert mirror().published and everything(store) == new


# -- a real source: columns ------------------------------------------------------------------------------------------


DEPARTMENTS = """
CREATE TABLE ks (dm char(8) PRIMARY KEY, mc varchar(20) NOT NULL, lb char(1), wz varchar(20), zt char(1));
INSERT INTO ks VALUES ('0101    ', '儿内科', '1', '二楼', '1'), ('0201', '药房', '3', NULL, '1');"""
SELECT = """SELECT dm AS department_code, mc AS name,
       CASE lb WHEN '3' THEN 'pharmacy' ELSE 'outpatient' END AS kind, wz AS location, zt AS active
FROM ks
"""


@pytest.fixture
def small_his(tmp_path: Path) -> tuple[Path, Path]:
    """A centre of one table and its mapping: (database, folder of the mapping)."""
    database, folder = tmp_path / "his.db", tmp_path / "mapping"
    with sqlite3.connect(database) as connection:
        connection.executescript(DEPARTMENTS)
    (folder / "mirror").mkdir(parents=True)
    (folder / "mapping.toml").write_text('name = "small"\ndialect = "sqlite"\n', encoding="utf-8")
    (folder / "probe.sql").write_text(
        "SELECT strftime('%Y-%m-%dT%H:%M:%S', 'now', '+8 hours') AS server_time, sqlite_version() AS version\n",
        encoding="utf-8",
    )
    reference = Path(__file__).resolve().parents[2] / "config" / "central" / "reference-sqlite" / "ledger.sql"
    shutil.copy(reference, folder / "ledger.sql")
    (folder / "mirror" / "department.sql").write_text(SELECT, encoding="utf-8")
    return database, folder


def alter(database: Path, sql: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.executescript(sql)


@pytest.fixture
def at_his(store: Store, small_his: tuple[Path, Path], clock: SettableClock, rules: Mirror) -> Callable[[], RunReport]:
    """One run against that centre, its clock taken for ours."""
    import datetime

    database, folder = small_his
    clock.at = datetime.datetime.now(MORNING.tzinfo)

    def once() -> RunReport:
        gateway: CentralGateway = open_gateway(f"sqlite:///{database}", folder, clock)
        try:
            return refresh(store, gateway, rules)
        finally:
            gateway.close()

    return once


@pytest.mark.parametrize(
    ("change", "loses"),
    [
        ("ALTER TABLE ks RENAME COLUMN mc TO ksmc", True),
        ("ALTER TABLE ks DROP COLUMN wz", True),
        ("DROP TABLE ks", True),
        # Widened: the file still fits, longer names come through.
        (
            "ALTER TABLE ks RENAME TO old; CREATE TABLE ks (dm char(16) PRIMARY KEY, mc varchar(200), lb char(1),"
            " wz varchar(20), zt char(1), xzl int); INSERT INTO ks SELECT *, 7 FROM old;"
            " UPDATE ks SET mc = '儿内科（含急诊、夜间门诊、便民门诊、互联网门诊）' WHERE dm LIKE '0101%'",
            False,
        ),
    ],
    ids=["renamed", "dropped", "table dropped", "widened"],
)
def test_a_vendor_who_changes_columns(
    store: Store, small_his: tuple[Path, Path], at_his: Callable[[], RunReport], change: str, loses: bool
) -> None:
    assert at_his().published
    before = published(store, "department")
    assert [one["department_code"] for one in before] == ["0101", "0201"]
    alter(small_his[0], change)
    report = at_his()
    if loses:
        assert report.state in ("failed", "held") and published(store, "department") == before
        assert "department" in " ".join(problem["en"] for problem in report.problems)
    else:
        assert report.published and len(published(store, "department")[0]["name"]) > 20


def test_two_processes_at_once_run_one_after_the_other(
    small_his: tuple[Path, Path], tmp_path: Path, rules: Mirror
) -> None:
    """Two people at two terminals, and neither is refused."""
    home, admins = tmp_path / "home", tmp_path / "admins.json"
    people = [{"operator": f"900{n}", "name": "王敏", "password": f"apple{n}tree-long"} for n in (1, 2)]
    admins.write_text(json.dumps(people), encoding="utf-8")
    yj = [sys.executable, "-m", "clients.console", "--home", str(home)]
    central = f"sqlite:///{small_his[0]}"
    made = [*yj, "init", "--central", central, "--mapping", str(small_his[1]), "--admins", str(admins)]
    subprocess.run(made, check=True, capture_output=True, timeout=120)
    both = [
        subprocess.Popen([*yj, "mirror", "run", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], answers
    store = Store(f"sqlite:///{home}/yj.db", SettableClock(MORNING))
    with store.reading() as tx:
        runs = tx.conn.execute(select(tables.run).order_by(tables.run.c.run_id)).mappings().all()
    store.close()
    assert [one["state"] for one in runs] == ["published", "published"]
    assert runs[0]["finished_at"] <= runs[1]["finished_at"] and runs[0]["finished_at"] <= runs[1]["started_at"]
