"""A desk that makes documents straight in the store, and tables of a centre behind FakeCentral, for the way back.

Numbers and names are those of `fixtures_hospital`. The windows' own rules are tested with the windows; here only what
leaves the standby matters.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, select

from fallback_server.domain.clock import SettableClock, from_text
from fallback_server.domain.documents import Document, Ref
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import mirrored_id, new_ulid
from fallback_server.store.cash import charge, charge_line, payment, receipt_book, receipt_number, settlement
from fallback_server.store.mode_switch import begin_return, enter_emergency, release
from fallback_server.store.outbox import outbox_move
from fallback_server.store.people import workstation
from fallback_server.store.session import Actor, Store, Tx
from fallback_server.store.visits import patient, prescription, registration
from sync.central.fake import FakeCentral
from sync.central.gateway import Outgoing

ADMIN = Actor("0801", "卫信息", frozenset({"admin"}), "W1")
PAIR = Actor("0801", "卫信息", frozenset({"admin"}), "W1", approver_code="0701")
FINANCE = Actor("0601", "陈组长", frozenset({"supervisor"}), "W1")


@dataclass(frozen=True)
class Rules:
    """[upload] with quick pauses."""

    max_rate: int = 0
    rehearse_first: bool = False
    lease_seconds: int = 300
    heartbeat_seconds: int = 30
    transient_retries: int = 8
    retry_first_seconds: int = 5
    retry_max_seconds: int = 300


def arrows(tx: Tx, yj_id: str) -> list[str]:
    """The way a document went, in order."""
    moves = select(outbox_move.c.arrow).where(outbox_move.c.yj_id == yj_id).order_by(outbox_move.c.id)
    return list(tx.conn.execute(moves).scalars())


def backwards(store: Store) -> None:
    """From now on a store answers what is asked without an order in another one than before: nobody may rely on it."""
    sqlite = store.engine.dialect.name == "sqlite"
    words = "PRAGMA reverse_unordered_selects = ON" if sqlite else "SET enable_seqscan = off; SET enable_hashjoin = off"

    @event.listens_for(store.engine, "checkout")
    def turn(connection: Any, *_: Any) -> None:
        connection.cursor().execute(words)
        connection.commit()


@dataclass
class Desk:
    """Makes documents as cashier 0201 (or `operator`) at workstation W1."""

    store: Store
    clock: SettableClock
    operator: str = "0201"
    item_code: str = "F001"
    department: str = "NK"
    drug_code: str = "A001"
    real: bool = False  # patients of the centre are real keys there, not those of the cast
    incident_no: int = 0
    shift_id: str | None = None  # of what is charged from now on
    _numbers: Any = field(default_factory=lambda: itertools.count(5021))
    _book: int = 0

    @property
    def actor(self) -> Actor:
        return Actor(self.operator, "钱伟", frozenset({"cashier"}), "W1")

    def open(self, *, drill: bool = False) -> int:
        """Switch YJ on; the workstation gets its number with the first incident."""
        with self.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            if not self._book:
                seen = {"first_seen_at": tx.at, "last_seen_at": tx.at}
                tx.conn.execute(workstation.insert().values(code="W1", number=1, **seen))
            self.incident_no = enter_emergency(tx, cause="server", reason="test", departments=None, drill=drill)
            row = {
                "operator_code": self.operator, "prefix": "A", "width": 8, "start_no": 5001 + 10_000 * self.incident_no,
                "end_no": 5001 + 10_000 * self.incident_no + 9000, "next_no": 5021 + 10_000 * self.incident_no,
                "source": "mirror", "incident_no": self.incident_no, "created_at": tx.at,
            }  # fmt: skip
            self._book = int(tx.conn.execute(receipt_book.insert().returning(receipt_book.c.id), row).scalar_one())
        return self.incident_no

    def close(self, *, grace: int = 0) -> None:
        """Switch off without upload; without grace the windows are released."""
        with self.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
            begin_return(tx, upload=False, grace_seconds=grace, hold_seconds=0)
        if not grace:
            with self.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
                release(tx, "test")

    def patient(self, name: str = "新病人", **fields: Any) -> str:
        """A new patient; returns the id."""
        with self._act() as (tx, one):
            body = {"name": name, "sex": "M", "birth_date": "2015-05-05", "id_no": None, "phone": None, **fields}
            row = {**tx.document_row(one, tx.take_yj_no()), **body, "pinyin": "XBR"}
            tx.conn.execute(patient.insert().values(**row))
            tx.enqueue(Document(one, "patient", row["yj_no"], one, body))
        return one

    def registration(self, patient_id: str, department: str | None = None, **fields: Any) -> str:
        """A registration of a patient of ours, or of the centre's by number (`P1001`)."""
        with self._act() as (tx, one):
            ref = self._patient(patient_id)
            row = {
                **tx.document_row(one, tx.take_yj_no()), "patient_id": ref.id, "patient_origin": ref.origin,
                "patient_name": "某人", "department_code": department or self.department, "department_name": "内科门诊",
                "type_code": "PT", "type_name": "普通号", "session": "am", "visit_kind": "outpatient",
                "queue_no": 1, **fields,
            }  # fmt: skip
            tx.conn.execute(registration.insert().values(**row))
            names = ("patient_name", "department_code", "type_code", "session", "visit_kind", "queue_no")
            body = {name: row[name] for name in names} | {"total": "10.00", "schedule_id": fields.get("schedule_id")}
            tx.enqueue(Document(one, "registration", row["yj_no"], ref.id, body, {"patient": ref}))
        return one

    def prescription(self, patient_id: str, registration_id: str, total: str = "24.68") -> str:
        """A prescription with one line."""
        with self._act() as (tx, one):
            ref, visit = self._patient(patient_id), Ref(registration_id, "yj")
            row = {
                **tx.document_row(one, tx.take_yj_no()), "registration_id": registration_id,
                "registration_origin": "yj", "patient_id": ref.id, "patient_origin": ref.origin, "patient_name": "某人",
                "kind": "western", "diagnoses": [], "department_code": "NK", "department_name": "内科门诊",
                "staff_code": "D301", "staff_name": "李建国", "paper": False, "written_at": tx.at, "total": total,
            }  # fmt: skip
            tx.conn.execute(prescription.insert().values(**row))
            body = {
                "kind": "western", "diagnosis_codes": "J06.900", "department_code": self.department,
                "staff_code": "D301", "staff_name": "李建国", "paper": False, "written_at": tx.at, "total": total,
            }  # fmt: skip
            price = format(Decimal(total) / 2, "f")
            line = {
                "line_id": f"{one}-1", "line_no": 1, "drug_code": self.drug_code, "name": "阿莫西林胶囊",
                "spec": "0.25g", "unit": "盒", "unit_price": f"{price}00", "quantity": 2, "amount": total,
                "receipt_category": "western",
            }  # fmt: skip
            refs: dict[str, Ref | None] = {"patient": ref, "registration": visit}
            tx.enqueue(Document(one, "prescription", row["yj_no"], ref.id, body, refs, {"lines": [line]}))
        return one

    def charge(
        self,
        patient_id: str,
        total: str = "10.00",
        *,
        method: str = "cash",
        category: str = "registration",
        settles: str | None = None,
        settles_centre: str | None = None,
        receipt: bool = True,
    ) -> str:
        """A charge with one line and one payment; `settles` a prescription of ours, or one of the centre by key."""
        with self._act() as (tx, one):
            ref = self._patient(patient_id)
            number = self._take_receipt(tx, one) if receipt else None
            row = self._charge_row(tx, one, ref, total) | {"first_receipt_no": number}
            tx.conn.execute(charge.insert().values(**row))
            if number:
                self._use(tx, number, one)
            line = self._line(one, total, category, 1)
            if settles:
                line |= self._settled_line(total, settles)
            paid = {"payment_no": 1, "method": method, "amount": total, "state": "received"}
            tx.conn.execute(charge_line.insert().values(charge_id=one, **line))
            tx.conn.execute(payment.insert().values(charge_id=one, **paid))
            groups = self._settles(tx, one, settles, settles_centre)
            body = {
                "charge_kind": "outpatient",
                "patient_name": "某人",
                "receipt_no": number,
                "total": total,
                "deferred": False,
            }
            tx.enqueue(
                Document(
                    one, "charge", row["yj_no"], ref.id, body, {"patient": ref},
                    {"lines": [line], "payments": [paid]}, groups, total, number,
                )
            )  # fmt: skip
        return one

    def refund(self, original_id: str, patient_id: str, total: str = "10.00", *, of_centre: str | None = None) -> str:
        """A whole refund of a charge made here, and of the centre's prescription (by key) that it had settled."""
        with self._act() as (tx, one):
            ref = self._patient(patient_id)
            back = f"-{total}"
            row = self._charge_row(tx, one, ref, back) | {"refund_of": original_id, "reason": "退"}
            tx.conn.execute(charge.insert().values(**row))
            line = self._line(one, back, "registration", -1) | {"original_line_id": f"{original_id}-1"}
            paid = {"payment_no": 1, "method": "cash", "amount": back, "state": "received"}
            tx.conn.execute(charge_line.insert().values(charge_id=one, **line))
            tx.conn.execute(payment.insert().values(charge_id=one, **paid))
            body = {"charge_kind": "outpatient", "patient_name": "某人", "total": back, "reason": "退"}
            refs: dict[str, Ref | None] = {"patient": ref, "original": Ref(original_id, "yj")}
            lists = {"lines": [line], "payments": [paid]}
            given = [Ref(mirrored_id("open_prescription", of_centre), "centre", of_centre)] if of_centre else []
            groups: dict[str, list[Ref]] = {"prescriptions": given, "orders": []} if given else {}
            tx.enqueue(Document(one, "refund", row["yj_no"], ref.id, body, refs, lists, groups, back))
        return one

    def visit(self, patient_id: str) -> dict[str, str]:
        """Registration, prescription, and the charge of that prescription."""
        slip = self.registration(patient_id)
        rx = self.prescription(patient_id, slip)
        return {"registration": slip, "prescription": rx, "charge": self.charge(patient_id, "24.68", settles=rx)}

    # -- inside -----------------------------------------------------------------------------------------------------

    def _act(self) -> _Act:
        return _Act(self)

    def _patient(self, patient_id: str) -> Ref:
        if patient_id.startswith("P") or (self.real and len(patient_id) < 26):
            return Ref(mirrored_id("patient", patient_id), "centre", patient_id)
        return Ref(patient_id, "yj")

    def _charge_row(self, tx: Tx, one: str, ref: Ref, total: str) -> dict[str, Any]:
        return {
            **tx.document_row(one, tx.take_yj_no()), "kind": "outpatient", "patient_id": ref.id,
            "patient_origin": ref.origin, "patient_name": "某人", "total": total, "change": "0.00", "deferred": False,
            "shift_id": self.shift_id,
        }  # fmt: skip

    def _line(self, one: str, total: str, category: str, quantity: int) -> dict[str, Any]:
        return {
            "line_id": f"{one}-1", "line_no": 1, "source": "item", "item_code": self.item_code, "name": "项目",
            "unit": "次", "unit_price": f"{total.lstrip('-')}00", "quantity": quantity, "amount": total,
            "receipt_category": category,
        }  # fmt: skip

    def _settled_line(self, total: str, prescription_id: str) -> dict[str, Any]:
        """The line of `prescription`, as a charge repeats it."""
        price = format(Decimal(total) / 2, "f")
        return {
            "source": "prescription", "source_id": prescription_id, "item_code": self.drug_code, "unit": "盒",
            "unit_price": f"{price}00", "quantity": 2, "receipt_category": "western",
        }  # fmt: skip

    def _take_receipt(self, tx: Tx, one: str) -> str:
        return f"A{next(self._numbers) + 10_000 * self.incident_no:08d}"

    def _use(self, tx: Tx, number: str, one: str) -> None:
        value = int(number[1:])
        tx.conn.execute(
            receipt_number.insert().values(
                prefix="A", number=value, receipt_no=number, book_id=self._book, state="used", charge_id=one,
                operator_code=self.operator, incident_no=self.incident_no, at=tx.at,
            )
        )  # fmt: skip
        tx.conn.execute(receipt_book.update().where(receipt_book.c.id == self._book).values(next_no=value + 1))

    @staticmethod
    def _settles(tx: Tx, one: str, own: str | None, theirs: str | None) -> dict[str, list[Ref]]:
        refs = [Ref(own, "yj")] if own else []
        refs += [Ref(mirrored_id("open_prescription", theirs), "centre", theirs)] if theirs else []
        for ref in refs:
            tx.conn.execute(
                settlement.insert().values(
                    entity="prescription", target_id=ref.id, charge_id=one, target_origin=ref.origin,
                    central_key=ref.central_key,
                )
            )  # fmt: skip
        return {"prescriptions": refs, "orders": []}


class _Act:
    """One act at a window: one transaction, a second later than the one before."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.desk.clock.advance(1)
        self.context = desk.store.writing(Permit.DOCUMENT, desk.actor)

    def __enter__(self) -> tuple[Tx, str]:
        return self.context.__enter__(), new_ulid(self.desk.clock.now())

    def __exit__(self, *error: Any) -> None:
        self.context.__exit__(*error)


@dataclass
class Tables:
    """The business tables behind FakeCentral, as its `verify/*.sql` would show them; tests change them at will."""

    fake: FakeCentral
    charge: list[dict[str, Any]] = field(default_factory=list)
    refund: list[dict[str, Any]] = field(default_factory=list)
    charge_line: list[dict[str, Any]] = field(default_factory=list)
    payment: list[dict[str, Any]] = field(default_factory=list)
    registration: list[dict[str, Any]] = field(default_factory=list)
    prescription: list[dict[str, Any]] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for name in ("charge", "refund", "charge_line", "payment", "registration", "prescription"):
            self.fake.answers[f"verify/{name}"] = self._answer(name)

    def _answer(self, name: str) -> Any:
        def rows(binds: Mapping[str, Any]) -> list[dict[str, Any]]:
            self.take()
            return [row for row in getattr(self, name) if self._within(row, binds)]

        return rows

    @staticmethod
    def _within(row: Mapping[str, Any], binds: Mapping[str, Any]) -> bool:
        since, until = (from_text(binds[name]).replace(tzinfo=None) for name in ("since", "until"))
        at = row["at"]
        return bool(since.isoformat(" ", "seconds") <= at < until.isoformat(" ", "seconds"))

    def take(self) -> None:
        """Enter what the fake was sent since the last time."""
        for outgoing in self.fake.documents:
            if outgoing.ledger.yj_id not in self._taken:
                self._taken.add(outgoing.ledger.yj_id)
                self._enter(outgoing)

    def _enter(self, outgoing: Outgoing) -> None:
        body = outgoing.payload
        key = str(self.fake.ledger[outgoing.ledger.yj_id].central_key)
        at = from_text(body["occurred_at"]).isoformat(" ", "seconds")[:19]
        row = {"central_key": key, "yj_no": body["yj_no"], "operator_code": body["operator_code"], "at": at}
        entity = outgoing.ledger.entity
        if entity in ("charge", "refund"):
            original = outgoing.keys.get(((body["refs"] or {}).get("original") or {}).get("id", ""))
            more = {"receipt_no": body.get("receipt_no"), "total": Decimal(body["total"]), "original_key": original}
            getattr(self, entity).append({**row, **more, "occurred_at": at})
            for line in body["lines"]:
                self.charge_line.append({**line, "charge_key": key, "at": at})
            for paid in body["payments"]:
                self.payment.append({**paid, "charge_key": key, "at": at})
            for ref in body.get("prescriptions") or ():
                for other in self.prescription:
                    if other["central_key"] == outgoing.keys.get(ref["id"]):
                        other["status"] = "paid"
        elif entity in ("registration", "prescription"):
            status = "waiting" if entity == "registration" else "unpaid"
            getattr(self, entity).append({**row, "status": status})


@pytest.fixture
def desk(store: Store, clock: SettableClock) -> Desk:
    """A desk on a fresh store, in normal mode."""
    return Desk(store, clock)


@pytest.fixture
def centre(clock: SettableClock) -> FakeCentral:
    """An honest centre with the questions the upload asks."""
    fake = FakeCentral(clock)
    fake.answers |= {
        "upload/match_patient": [], "upload/advance_receipt_book": [], "blind_window/charge": [],
        "blind_window/registration": [], "blind_window/patient": [],
    }  # fmt: skip
    return fake


@pytest.fixture
def tables(centre: FakeCentral) -> Tables:
    """The tables behind the centre."""
    return Tables(centre)


def later(clock: SettableClock, **much: float) -> None:
    """Let time pass."""
    clock.at += timedelta(**much)
