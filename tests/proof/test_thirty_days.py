"""三十天 Thirty days in YJ: shifts, midnights, a month's end, prices keyed in, books that run out, two restores.

The windows are the real ones, the clock is set day by day, the centre is a real PostgreSQL. In the middle the standby's
disk is replaced and the backup of the night put back; after the upload it dies again, and what was done since the last
backup is known from the centre's ledger alone. At the end the account of the month balances to the cent.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from config.sections import Mirror
from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain.clock import SystemClock, to_text
from fallback_server.domain.modes import Permit
from fallback_server.store.audit import verify
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import recovered
from fallback_server.store.session import Store
from fallback_server.store.sign_off import explain_difference, list_differences
from sync.after.look import look
from sync.mirror.run import run_mirror
from sync.mirror.workspace import transaction, workspace
from sync.reconcile.run import run_reconcile
from sync.upload.recover import recover
from sync.upload.run import run_upload
from tests.fixtures_hospital import Hospital
from tests.fixtures_outage import Morning, Outage, good, paid
from tests.fixtures_return import FINANCE, PAIR
from tests.proof.record import Entry
from tests.proof.stage import MAPPING, QUICK, Case, Ground
from tests.reference_his.test_whole_return import _people

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]

DAYS = 30
NEW_DRUG = "990001"
NEW_PRICE = "33.3000"
CHANGED = "13.5700"
SHEETS = 9  # left in the cashier's book on the first day


@dataclass
class Month(Morning):
    """A month at the windows, and what it should come to. `daily`: business day → what was taken."""

    passwords: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    daily: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: Decimal("0.00")))
    books: int = 0
    shifts: int = 0
    handed: int = 0
    queue: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    numbers: Counter[str] = field(default_factory=Counter)

    def __init__(self, outage: Outage, ground: Ground, people: Mapping[str, tuple[str, str]]) -> None:
        super().__init__(outage, ground.codes)
        self.patients, self.passwords = ground.patients, people
        self.daily, self.queue = defaultdict(lambda: Decimal("0.00")), defaultdict(list)
        self.numbers, self.books, self.shifts, self.handed = Counter(), 0, 0, 0

    @property
    def clock(self) -> Any:
        return self.outage.clock

    def at(self, day: datetime, hour: int, minute: int = 0) -> None:
        """Go on to this time of the day; never back."""
        wanted = day.replace(hour=hour, minute=minute, second=0, microsecond=0)
        assert wanted > self.clock.at, (wanted, self.clock.at)
        self.clock.at = wanted

    def log_in(self) -> None:
        """Everybody anew: a session lasts a shift."""
        self.outage._windows.clear()

    def second(self, role: str = "duty") -> dict[str, str]:
        operator, password = self.passwords[role]
        return {"operator": operator, "password": password}

    # -- money ------------------------------------------------------------------------------------------------------

    def take(self, amount: str) -> None:
        self.daily[self.clock.now().date().isoformat()] += Decimal(amount)

    def open_shift(self) -> None:
        self.post("cashier", "/shifts/open", float="200.00")

    def close_shift(self) -> None:
        """Counted to the cent, method by method."""
        shift = good(self.outage.window("cashier").get("/shifts", limit=1))["items"][0]
        sheet = good(self.outage.window("cashier").get(f"/shifts/{shift['id']}"))["sheet"]
        totals = {one["method"]: one["due"] for one in sheet["by_method"]}
        self.post("cashier", "/shifts/close", counted=[{"method": m, "amount": a} for m, a in totals.items()])
        self.shifts += 1

    def charge(self, method: str = "cash", **basket: Any) -> dict[str, Any]:
        """Charge; a book that is used up gets a successor from the supervisor."""
        self.clock.advance(1)
        whole = {"prescription_ids": [], "order_ids": [], **basket}
        window = self.outage.window("cashier")
        total = good(window.post("/charges/quote", whole))["total"]
        body = {**whole, "payments": paid(total, method), "expected_total": total}
        reply = window.post("/charges", body)
        if reply.code in ("receipt_book_exhausted", "receipt_book_missing"):
            self.issue()
            reply = window.post("/charges", body)
        made = dict(good(reply))
        self.take(total)
        self.numbers[made["receipt_no"]] += 1
        return made

    def issue(self) -> None:
        self.books += 1
        first = 100_000 * self.books + 1
        book = {"operator": self.outage.window("cashier").operator, "prefix": "M", "start_no": first}
        self.post("supervisor", "/receipt-books", **book, end_no=first + 14)

    def visit(self, patient: str, *, method: str = "cash", drug: str | None = None) -> dict[str, Any]:
        """Registered, prescribed, ordered, paid, and the drugs handed over."""
        made = self.post(
            "registrar", "/registrations", patient_id=patient, department_code=self.codes.department,
            type_code=self.codes.register_type, payments=paid(self.codes.fee),
        )  # fmt: skip
        self.take(self.codes.fee)
        self.queue[self.clock.now().date().isoformat()].append(made["queue_no"])
        how = {"usage": self.codes.usage, "frequency": self.codes.frequency, "days": 3}
        line = {"drug_code": drug or self.codes.drug, "quantity": 2, **how}
        body = {"registration_id": made["id"], "kind": "western", "diagnoses": [self.codes.diagnosis], "lines": [line]}
        rx = self.post("doctor", "/prescriptions", **body)
        charge = self.charge(method, registration_id=made["id"], prescription_ids=[rx["id"]])
        checker = self.outage.window("doctor").operator
        self.post("pharmacist", f"/prescriptions/{rx['id']}/handover", checked_by=checker)
        self.handed += 1
        return {"registration": made, "prescription": rx, "charge": charge}

    def refund(self, charge: Mapping[str, Any], prescription_id: str) -> None:
        self.post("pharmacist", f"/prescriptions/{prescription_id}/return", reason="退药")
        self.handed -= 1
        back = self.post("cashier", f"/charges/{charge['id']}/refund", reason="退费", approver=self.second())
        self.take(back["total"])

    def price(self, role: str = "supervisor", **body: Any) -> dict[str, Any]:
        second = {"approver": self.second(), "reason": "物价通知"}
        return dict(self.post(role, "/price-changes", dataset="drug", **body, **second))


@pytest.fixture
def month(ground: Ground, hospital_settings: Settings) -> Iterator[tuple[Month, Case]]:
    """A standby that mirrored thirty days ago, beside a centre of today: it knows the days between only from it."""
    case = ground.case(empty=True)
    people = _people(case.centre_url, json.loads((ground.folder / "logins.json").read_text(encoding="utf-8")))
    outage = Outage(case.folder, case.centre_url, MAPPING, people, hospital_settings)
    begin = SystemClock().now() - timedelta(days=DAYS)
    outage.clock.at = begin.replace(hour=7, minute=30, second=0, microsecond=0)
    _mirror_of_then(case.store_url, to_text(outage.clock.now() - timedelta(minutes=20)), people["cashier"][0])
    made = Month(outage, ground, people)
    yield made, case
    made.outage.close()
    ground.drop(case)


def _mirror_of_then(url: str, at: str, cashier: str) -> None:
    """The newest generation is of that morning, and the cashier's book is nearly used up."""
    with workspace(url) as connection, transaction(connection):
        connection.execute(text("UPDATE mirror.generation SET as_of = :at, published_at = :at"), {"at": at})
        connection.execute(text("UPDATE mirror.dataset_state SET as_of = :at, swept_at = :at"), {"at": at})
        connection.execute(
            text("UPDATE mirror.receipt_book SET end_no = next_no + :n WHERE operator_code = :who"),
            {"n": SHEETS - 1, "who": cashier},
        )


def backup(store: Store, target: Path) -> None:
    """A consistent copy of yj.db while the windows go on, by SQLite's own means."""
    source = str(store.url).removeprefix("sqlite:///")
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)


def put_back(month: Month, settings: Settings, saved: Path) -> None:
    """The disk was replaced, and the backup is all there is of yj.db."""
    outage = month.outage
    outage.store.close()
    path = Path(str(outage.store.url).removeprefix("sqlite:///"))
    for leftover in ("-wal", "-shm"):
        path.with_name(path.name + leftover).unlink(missing_ok=True)
    path.write_bytes(saved.read_bytes())
    outage.store = Store(f"sqlite:///{path}", outage.clock)
    app = create_app(settings, outage.clock, store=outage.store)
    outage.hospital = Hospital(outage.store.url, outage.clock, outage.store, app)
    month.log_in()


def into_the_his(month: Month, case: Case) -> None:
    """What two people keyed in here is keyed into the HIS before anything returns."""
    names = [row["column_name"] for row in case.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'yp_xx' ORDER BY ordinal_position"
    )]  # fmt: skip
    own = {"ypxh": ":key", "ypmc": ":name", "lsj": ":price"}
    columns = ", ".join(f"CAST({own[name]} AS {_type(name)})" if name in own else name for name in names)
    sql = f"INSERT INTO yp_xx ({', '.join(names)}) SELECT {columns} FROM yp_xx WHERE ypxh = :model"
    values = {"key": int(NEW_DRUG), "name": "奥司他韦胶囊", "price": NEW_PRICE, "model": int(month.codes.drug)}
    assert case.run(sql, **values) == 1
    assert case.run("UPDATE yp_xx SET lsj = :price WHERE ypxh = :key", price=Decimal(CHANGED),
                    key=int(month.codes.drug)) == 1  # fmt: skip


def _type(column: str) -> str:
    return {"ypxh": "integer", "lsj": "numeric(14, 4)"}.get(column, "varchar(120)")


def play(month: Month, settings: Settings, tmp_path: Path, visits: int) -> dict[str, Any]:
    """Thirty days; returns the first visit of each."""
    first = month.clock.at
    known: dict[str, Any] = {}
    for n in range(DAYS):
        day = first + timedelta(days=n)
        month.at(day, 7, 50)
        month.log_in()
        month.open_shift()
        for one in range(visits):
            patient = good(month.outage.window("registrar").get("/patients", q=month.patients[n]))["items"][0]["id"]
            drug = NEW_DRUG if n > 15 and n % 5 == 0 else None
            made = month.visit(patient, method="wechat" if (n + one) % 3 else "cash", drug=drug)
            known.setdefault(str(n), made)
        if n == 9:
            month.price(code=month.codes.drug, unit_price=CHANGED, unit_price_again=CHANGED)
        if n == 14:
            new = {"name": "奥司他韦胶囊", "unit": "盒", "category": "western", "spec": "75mg*10粒"}
            month.price(code=NEW_DRUG, unit_price=NEW_PRICE, unit_price_again=NEW_PRICE, new=new)
        if n == 19:
            month.refund(known["6"]["charge"], known["6"]["prescription"]["id"])
        if n % 6 == 5:  # the night shift goes over midnight
            month.at(day, 23, 59)
            month.log_in()
            month.visit(patient)
            month.at(day + timedelta(days=1), 0, 5)
            month.visit(patient)
        month.close_shift()
        if n == 14:
            backup(month.outage.store, tmp_path / "night-15.db")
            put_back(month, settings, tmp_path / "night-15.db")  # the disk died in the small hours
    return known


@pytest.mark.parametrize("visits", [1, pytest.param(6, marks=pytest.mark.proof)])
def test_a_month_in_yj_comes_back_whole(
    month: tuple[Month, Case], hospital_settings: Settings, tmp_path: Path, entry: Entry, visits: int
) -> None:
    work, case = month
    number = work.outage.hospital.emergency()
    known = play(work, hospital_settings, tmp_path, visits)
    assert work.books >= 2 and max(work.numbers.values()) == 1  # books ran out, and no number was printed twice
    assert known["8"]["prescription"]["total"] != known["10"]["prescription"]["total"]
    assert Decimal(known["10"]["prescription"]["total"]) == Decimal(CHANGED) * 2
    assert len({day[:7] for day in work.daily}) >= 2 and all(queue[0] == 1 for queue in work.queue.values())

    # The last morning: a backup, a few more patients, and then the HIS is there again.
    work.clock.at = max(work.clock.at, SystemClock().now() - timedelta(minutes=20))
    work.log_in()
    work.open_shift()
    backup(work.outage.store, tmp_path / "last.db")
    patient = good(work.outage.window("registrar").get("/patients", q=work.patients[DAYS]))["items"][0]["id"]
    late = work.visit(patient)
    work.close_shift()
    work.outage.hospital.back()
    work.clock.at = SystemClock().now()
    into_the_his(work, case)
    _decided(work, case)
    _every_day_is_at_the_centre(work, case)

    # The disk dies once more; what was done since the backup is known from the centre's ledger.
    put_back(work, hospital_settings, tmp_path / "last.db")
    work.outage.hospital.back()
    refused = run_upload(work.outage.store, work.outage.gateway, QUICK)
    assert (refused.state, refused.code) == ("refused", "ledger_ahead")
    assert recover(work.outage.store, work.outage.gateway, None, PAIR, "换盘后恢复") is not None
    _decided(work, case)
    with work.outage.store.reading() as tx:
        forgotten = {row.yj_id for row in tx.conn.execute(select(recovered.c.yj_id))}
        assert verify(tx.conn)[1] == []
    assert late["charge"]["id"] in forgotten
    _every_day_is_at_the_centre(work, case)
    _account(work, case, number)
    _afterwards(work, case, number)
    entry.inject(["backup put back in the middle", "backup put back after the upload"])
    entry.count(cases=1, documents=len(work.outage.hospital.outbox()) + len(forgotten))


def _decided(work: Month, case: Case) -> None:
    """Upload; what the blind window of a month has in doubt is looked at by people; nothing is left."""
    for _ in range(4):
        report = run_upload(work.outage.store, work.outage.gateway, QUICK, pause=work.clock.advance)
        if report.complete:
            return
        assert report.state == "done", report
        assert case.decide({}) > 0, report
    raise AssertionError(report)


def _every_day_is_at_the_centre(work: Month, case: Case) -> None:
    """Business day by business day: what the cashiers took is what the centre's own tables hold, under that day."""
    rows = case.rows("SELECT substr(sfrq, 1, 8) AS day, sum(zje) AS total FROM sf_zb WHERE yjbz = '1' GROUP BY 1")
    there = {f"{row['day'][:4]}-{row['day'][4:6]}-{row['day'][6:]}": Decimal(row["total"]) for row in rows}
    assert there == {day: total for day, total in work.daily.items() if total}


def _account(work: Month, case: Case, number: int) -> None:
    report = run_reconcile(work.outage.store, work.outage.gateway, number)
    with work.outage.store.writing(Permit.HOUSEKEEPING, FINANCE) as tx:
        for one in list_differences(tx.conn, number):
            assert one["kind"] in ("recovered", "receipt_unknown", "shift_open"), one
            explain_difference(tx, one["id"], "换盘前的单据，凭台账和纸质交接单核对")
    report = run_reconcile(work.outage.store, work.outage.gateway, number)
    assert report.balanced, report.differences
    assert Decimal(report.totals["central"]) == Decimal(report.totals["ledger"]) == sum(work.daily.values())


def _afterwards(work: Month, case: Case, number: int) -> None:
    """The first mirror is a full compare and takes the prices over; the drugs are dispensed in the HIS one by one."""
    run = run_mirror(work.outage.store, work.outage.gateway, Mirror(), approve=None)
    assert run.state == "published", run.problems
    assert run.counts["patient"]["read"] == work.outage.one("SELECT count(*) FROM br_da WHERE brxm IS NOT NULL")
    found = look(work.outage.store, work.outage.gateway)
    items = good(work.outage.window("admin").get("/price-changes", state="ended"))["items"]
    assert {one["ended_how"] for one in items} == {"caught_up"} and found.masters_ended == 2
    assert found.asked == work.handed - 1 and found.done == 0  # the last one's note went with the disk
    case.run("UPDATE cf_zb SET zt = '2' WHERE yjbz = '1' AND zt = '1'")
    look(work.outage.store, work.outage.gateway)
    sheet = good(work.outage.window("admin").get(f"/incidents/{number}/run-sheet"))["steps"]
    done = {step["step"]: step["done"] for step in sheet}
    assert [name for name in ("upload", "mirror", "pharmacy", "prices", "not_rewound") if not done[name]] == []


def test_every_document_of_the_outbox_is_of_the_day_it_was_made(month: tuple[Month, Case]) -> None:
    """Five minutes before and after midnight are two days, in one shift and under one number of receipts."""
    work, _ = month
    work.outage.hospital.emergency()
    day = work.clock.at
    work.at(day, 23, 50)
    work.open_shift()
    patient = good(work.outage.window("registrar").get("/patients", q=work.patients[0]))["items"][0]["id"]
    before = work.visit(patient)
    work.at(day + timedelta(days=1), 0, 5)
    after = work.visit(patient)
    with work.outage.store.reading() as tx:
        rows = {row.yj_id: row for row in tx.conn.execute(select(outbox)).mappings()}
    days = [rows[one["charge"]["id"]]["business_date"] for one in (before, after)]
    assert days == [day.date().isoformat(), (day + timedelta(days=1)).date().isoformat()]
    assert [one["registration"]["queue_no"] for one in (before, after)] == [1, 1]
    numbers = [one["charge"]["receipt_no"] for one in (before, after)]
    assert int(numbers[1][-4:]) == int(numbers[0][-4:]) + 1
    work.close_shift()
