"""A desk in process for the figures of growth: visits through the windows' own acts, and one charge at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from fallback_server.acts import shifts
from fallback_server.acts.payments import PaymentIn
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import new_ulid
from fallback_server.domain.policy import Policy
from fallback_server.store import cash, idempotency, mirror
from fallback_server.store.people import workstation
from fallback_server.store.session import Actor, Store, Tx
from fallback_server.windows.billing import queries as billing
from fallback_server.windows.billing import usecases as tills
from fallback_server.windows.doctor.usecases import prescribing
from fallback_server.windows.doctor.usecases.documents import NewLine
from fallback_server.windows.pharmacy import usecases as drugs
from fallback_server.windows.registration import usecases as desks
from fallback_server.windows.triage import usecases as halls

CASHIERS = 8
COPIED, MEASURED = "B1", "B2"  # the workstations of what is copied and of what is measured
BOOK = 1_000_000


@dataclass
class Desk:
    """Acts at the windows of one store. Every act moves the clock on by a second."""

    store: Store
    clock: SettableClock
    policy: Policy = field(default_factory=Policy)
    acts: int = 0

    def __post_init__(self) -> None:
        with self.store.reading() as tx:
            self.patients = list(tx.conn.execute(_first("patient", "id", 20_000)).scalars())
            self.items = list(tx.conn.execute(_priced("fee_item", "item_code")).scalars())
            self.drugs = list(tx.conn.execute(_drugs()).scalars())
            self.departments = list(tx.conn.execute(_clinics()).scalars())
            self.schedules = {row.department_code: row.schedule_id for row in tx.conn.execute(_schedules())}
            self.type_code = str(tx.conn.execute(_fee()).scalar_one())
            self.doctor = str(tx.conn.execute(_prescriber()).scalar_one())
            self.giver = next(code for code in tx.conn.execute(_people()).scalars() if code != self.doctor)

    def furnish(self) -> None:
        """Workstations with numbers, and for every cashier a receipt book and a shift."""
        with self.store.writing(Permit.HOUSEKEEPING, Actor("bench", "bench", frozenset({"admin"}))) as tx:
            for number, code in enumerate((COPIED, MEASURED), start=1):
                row = {"code": code, "number": number, "first_seen_at": tx.at, "last_seen_at": tx.at}
                tx.conn.execute(workstation.insert().values(**row))
            for number in range(CASHIERS):
                tx.conn.execute(cash.receipt_book.insert().values(**_book(tx, number)))
        for number in range(CASHIERS):
            with self.store.writing(Permit.HOUSEKEEPING, cashier(number)) as tx:
                none: dict[str, Any] = dict.fromkeys(("his_cash_kept_apart", "last_his_receipt_no", "act_in_hand"))
                shifts.start(tx, new_ulid(tx.now), float_amount=cash_of("100.00"), **none)

    def visit(self, number: int, workstation_code: str = COPIED) -> None:
        """A number is sold, a prescription written, paid for with two items, handed over: five documents, two receipts.

        Then the patient goes home. After what is measured one still waits in the hall, for drugs as well.
        """
        person = self.patients[number % len(self.patients)]
        at = cashier(number, workstation_code)
        fee = self._fee_of()
        department = self.departments[number % len(self.departments)]
        planned = self.schedules.get(department)
        wanted = desks.NewVisit(person, department, self.type_code, [paid(fee)], schedule_id=planned)
        visit = self.act(at, lambda tx, key: desks.register(tx, self.policy, key, wanted))
        doctor = Actor(self.doctor, "bench", frozenset({"doctor"}), workstation_code)
        lines = [NewLine(self.drugs[(number + n) % len(self.drugs)], 1 + n) for n in range(2)]
        paper = self.act(doctor, lambda tx, key: prescribing.prescribe(
            tx, self.policy, key, visit["id"], "western", [], lines, None))  # fmt: skip
        items = [(self.items[(number + n) % len(self.items)], 1) for n in range(2)]
        self.charge(number, billing.Wanted(visit["id"], None, [paper["id"]], [], items), workstation_code)
        if workstation_code == COPIED:
            giver = Actor(self.giver, "bench", frozenset({"pharmacist"}), workstation_code)
            self.act(giver, lambda tx, key: drugs.hand_over(tx, key, paper["id"], None, self.doctor))
            self.act(doctor, lambda tx, key: halls.move(tx, visit["id"], "seen", None, None))

    def walk_in(self, number: int) -> None:
        """One charge of three items, as the measured desk writes it."""
        items = [(self.items[(number + n) % len(self.items)], 1 + n) for n in range(3)]
        person = self.patients[(number * 7919) % len(self.patients)]
        self.charge(number, billing.Wanted(None, person, [], [], items), MEASURED)

    def charge(self, number: int, wanted: billing.Wanted, workstation_code: str) -> None:
        """Quoted in a reading transaction, then written with its key and its answer, as the web layer does both."""
        at = cashier(number, workstation_code)
        with self.store.reading(at) as tx:
            total = cash_of(billing.quote(tx, self.policy, wanted)["total"])
        self.act(at, lambda tx, key: tills.charge(
            tx, self.policy, key, wanted, payments=[paid(total)], expected_total=total, receipt_no=None))  # fmt: skip

    def act(self, actor: Actor, work: Callable[[Tx, str], dict[str, Any]]) -> dict[str, Any]:
        """One act: its key, what it wrote and its answer in one transaction."""
        self.clock.advance(1)
        self.acts += 1
        key = new_ulid(self.clock.now())
        act = idempotency.Act(key, "POST", "/api/v1/bench", "0" * 64, actor.operator_code)
        with self.store.writing(Permit.DOCUMENT, actor) as tx:
            idempotency.claim(tx.conn, act, tx.at)
            answer = work(tx, key)
            idempotency.finish(tx.conn, act, idempotency.Answer(201, json.dumps(answer, ensure_ascii=False)))
        return answer

    def _fee_of(self) -> Any:
        kind = mirror.datasets["register_type"]
        with self.store.reading() as tx:
            row = tx.conn.execute(select(kind).where(kind.c.type_code == self.type_code)).one()
        return cash_of(row.registration_fee + row.consultation_fee)


def cashier(number: int, workstation_code: str = MEASURED) -> Actor:
    """One of a few cashiers, who sell numbers, too."""
    code = f"bench-{number % CASHIERS}"
    return Actor(code, code, frozenset({"cashier", "registrar"}), workstation_code)


def afternoon(now: datetime) -> datetime:
    """Three o'clock of that day: a morning of documents lies behind it, and the day is not over."""
    return now.replace(hour=15, minute=0, second=0, microsecond=0)


def cash_of(amount: Any) -> Any:
    """An amount as a payment carries it."""
    return PaymentIn(method="cash", amount=amount).amount


def paid(amount: Any) -> PaymentIn:
    """All of it in cash."""
    return PaymentIn(method="cash", amount=amount)


def _book(tx: Tx, number: int) -> dict[str, Any]:
    start = BOOK * (number + 1)
    return {
        "operator_code": cashier(number).operator_code, "prefix": "B", "width": 8, "start_no": start,
        "end_no": start + 99_999, "next_no": start, "source": "issued", "incident_no": tx.mode.incident_no,
        "created_at": tx.at,
    }  # fmt: skip


def _first(dataset: str, column: str, limit: int) -> Select[Any]:
    table = mirror.datasets[dataset]
    return select(table.c[column]).where(table.c.active.is_(True)).order_by(table.c[column]).limit(limit)


def _priced(dataset: str, column: str) -> Select[Any]:
    table = mirror.datasets[dataset]
    return _first(dataset, column, 40).where(table.c.unit_price > 1)


def _drugs() -> Select[Any]:
    table = mirror.datasets["drug"]
    return _priced("drug", "drug_code").where(table.c.category == "western", table.c.control_class.is_(None))


def _clinics() -> Select[Any]:
    table = mirror.datasets["department"]
    return _first("department", "department_code", 16).where(table.c.kind == "outpatient")


def _schedules() -> Select[Any]:
    table = mirror.datasets["schedule"]
    return select(table.c.department_code, table.c.schedule_id).order_by(table.c.schedule_id)


def _fee() -> Select[Any]:
    table = mirror.datasets["register_type"]
    return _first("register_type", "type_code", 1).where(table.c.registration_fee > 0)


def _people() -> Select[Any]:
    return _first("operator", "operator_code", 2)


def _prescriber() -> Select[Any]:
    operator, staff = mirror.datasets["operator"], mirror.datasets["staff"]
    return (
        select(operator.c.operator_code)
        .join(staff, staff.c.staff_code == operator.c.staff_code)
        .where(operator.c.active.is_(True), staff.c.active.is_(True), staff.c.may_prescribe.is_(True))
        .order_by(operator.c.operator_code)
        .limit(1)
    )
