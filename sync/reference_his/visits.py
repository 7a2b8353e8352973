"""Visits of recent days: registrations, prescriptions, orders and their money, in all states, books consistent."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sync.reference_his.masters import KIND_CATEGORY, Drug, Fee
from sync.reference_his.patients import KnownPatient
from sync.reference_his.people import Book, Slot

CENT = Decimal("0.01")
UNPAID, PAID, DONE, REFUNDED = "0", "1", "2", "3"
SEEN, CANCELLED = "2", "9"
FEES = {
    "HLJ-PT": ("1.00", "7.00"), "HLJ-FG": ("1.00", "13.00"), "HLJ-ZR": ("1.00", "22.00"), "HLJ-JZ": ("2.00", "15.00"),
}  # fmt: skip
METHODS = ("1", "3", "3", "3", "4", "4", "2")


def line_amount(price: Decimal, quantity: int) -> Decimal:
    """Amount of a line: price times quantity, half-up to the cent."""
    return (price * quantity).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True)
class Line:
    """One line of a prescription, an order or a charge."""

    code: str
    name: str
    unit: str
    price: Decimal
    quantity: int
    category: str
    source: str
    spec: str | None = None
    exec_department: str | None = None

    @property
    def amount(self) -> Decimal:
        """Amount of the line, to the cent."""
        return line_amount(self.price, self.quantity)


@dataclass
class Charge:
    """Money taken for some lines; ``key`` and ``receipt`` are given when all charges are put in order of time."""

    moment: datetime
    kind: str
    patient: KnownPatient
    visit: Visit
    operator: str
    lines: list[Line]
    payments: list[tuple[str, Decimal]]
    original: Charge | None = None
    refunded: bool = False
    key: int = 0
    receipt: str | None = None

    @property
    def total(self) -> Decimal:
        """Sum of the payments, equal to the sum of the lines."""
        return sum((amount for _, amount in self.payments), Decimal("0.00"))


@dataclass
class Paper:
    """A prescription or an order."""

    key: int
    visit: Visit
    moment: datetime
    lines: list[Line]
    state: str
    drug_kind: str | None = None
    charge: Charge | None = None
    done_at: datetime | None = None

    @property
    def total(self) -> Decimal:
        """Sum of the lines."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))


@dataclass
class Visit:
    """One registration and what came of it."""

    key: int
    patient: KnownPatient
    moment: datetime
    slot: Slot
    queue: int
    state: str | None
    operator: str
    charge: Charge | None = None
    cancelled_at: datetime | None = None


@dataclass
class Diary:
    """Everything that happened, ready to be written as rows."""

    visits: list[Visit] = field(default_factory=list)
    prescriptions: list[Paper] = field(default_factory=list)
    orders: list[Paper] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)


@dataclass(frozen=True)
class Cast:
    """Who and what may take part."""

    patients: Sequence[KnownPatient]
    slots: Sequence[Slot]
    registrars: Sequence[str]
    cashiers: Sequence[str]
    western: Sequence[Drug]
    patent: Sequence[Drug]
    herbal: Sequence[Drug]
    fees: Sequence[Fee]


class DiaryWriter:
    """Plays visits of past days and of today up to ``now``; deterministic for the same rng."""

    def __init__(self, cast: Cast, now: datetime, rng: random.Random) -> None:
        self._cast, self._now, self._rng = cast, now, rng
        self.diary = Diary()
        self._keys = {"visit": 5_000_000, "prescription": 3_000_000, "order": 2_000_000, "charge": 8_000_000}
        self._by_day: dict[date, list[Slot]] = {}
        for slot in cast.slots:
            self._by_day.setdefault(slot.day, []).append(slot)

    def play(self, day: date, count: int) -> None:
        """``count`` visits of the day; on the last day nothing happens after now."""
        slots = self._by_day[day]
        for moment in sorted(self._moment(day) for _ in range(count)):
            session = "1" if moment.hour < 12 else "2" if moment.hour < 18 else "3"
            fitting = [slot for slot in self._rng.choices(slots, k=12) if slot.session == session]
            night = [slot for slot in slots if slot.emergency and slot.session == session]
            self._visit(moment, self._rng.choice(fitting or night))

    def finish(self, books: dict[str, Book]) -> Diary:
        """Give keys and receipt numbers to the charges in order of time, return the diary and begin a new one."""
        self.diary.charges.sort(key=lambda charge: charge.moment)
        for charge in self.diary.charges:
            charge.key = self._next("charge")
            if charge.original is None:
                charge.receipt = books[charge.operator].take()
        for charge in self.diary.charges:
            if charge.original is not None:
                charge.receipt = charge.original.receipt
        done, self.diary = self.diary, Diary()
        return done

    def _moment(self, day: date) -> datetime:
        """A time of the day: mostly office hours, a few at night; today within the hours that have passed."""
        start = datetime.combine(day, datetime.min.time(), self._now.tzinfo)
        hours = self._rng.triangular(7.0, 17.5, 9.0) if self._rng.random() < 0.85 else self._rng.uniform(0, 23.9)
        moment = start + timedelta(hours=hours)
        if moment < self._now:
            return moment.replace(microsecond=0)
        passed = max((self._now - start).total_seconds(), 60.0)
        return (start + timedelta(seconds=self._rng.random() * passed)).replace(microsecond=0)

    def _next(self, name: str) -> int:
        self._keys[name] += 1
        return self._keys[name]

    def _visit(self, moment: datetime, slot: Slot) -> None:
        rng = self._rng
        slot.used, slot.called = slot.used + 1, slot.called + 1
        patient = rng.choice(self._cast.patients)
        visit = Visit(
            self._next("visit"), patient, moment, slot, slot.called, None, rng.choice(self._cast.registrars)
        )  # fmt: skip
        self.diary.visits.append(visit)
        visit.charge = self._charge(visit, moment, "1", visit.operator, _registration_lines(slot.register_type))
        waited = (self._now - moment).total_seconds() / 60
        if rng.random() < 0.03 and waited > 20:
            self._cancel(visit)
        elif waited > 240 or rng.random() < waited / 240:
            visit.state = SEEN
            self._seen(visit)
        else:
            visit.state = rng.choice((None, "0", "0", "1"))

    def _cancel(self, visit: Visit) -> None:
        visit.state, visit.cancelled_at = CANCELLED, visit.moment + timedelta(minutes=15)
        visit.slot.used -= 1
        if visit.charge is not None:
            self._refund(visit.charge, visit.cancelled_at)

    def _seen(self, visit: Visit) -> None:
        rng, cast = self._rng, self._cast
        written = self._later(visit.moment, 25)
        papers: list[Paper] = []
        if rng.random() < 0.85:
            stock, kind = rng.choice(((cast.western, "1"), (cast.western, "1"), (cast.patent, "2"), (cast.herbal, "3")))
            count = rng.randint(8, 12) if kind == "3" else rng.randint(1, 4)
            lines = [_drug_line(drug, rng) for drug in rng.sample(list(stock), count)]
            papers.append(Paper(self._next("prescription"), visit, written, lines, UNPAID, kind))
        if rng.random() < 0.45:
            fees = [_fee_line(fee) for fee in rng.sample(list(cast.fees), rng.randint(1, 3))]
            papers.append(Paper(self._next("order"), visit, written, fees, UNPAID))
        for paper in papers:
            (self.diary.prescriptions if paper.drug_kind else self.diary.orders).append(paper)
        old = (self._now - visit.moment).total_seconds() > 6 * 3600
        if papers and rng.random() < (0.93 if old else 0.6):
            self._pay(visit, papers, written, old)

    def _pay(self, visit: Visit, papers: list[Paper], written: datetime, old: bool) -> None:
        rng = self._rng
        moment = self._later(written, 20)
        lines = [line for paper in papers for line in paper.lines]
        charge = self._charge(visit, moment, "2", rng.choice(self._cast.cashiers), lines)
        refund = rng.random() < 0.02
        for paper in papers:
            paper.charge, paper.state = charge, PAID
            if refund:
                paper.state = REFUNDED
            elif rng.random() < (0.92 if old else 0.5):
                paper.state, paper.done_at = DONE, self._later(moment, 15)
        if refund:
            self._refund(charge, self._later(moment, 30))

    def _charge(self, visit: Visit, moment: datetime, kind: str, operator: str, lines: list[Line]) -> Charge:
        total = sum((line.amount for line in lines), Decimal("0.00"))
        methods = self._rng.sample(sorted(set(METHODS)), 2) if total > 20 and self._rng.random() < 0.08 else None
        if methods:
            part = (total / 3).quantize(CENT, ROUND_HALF_UP)
            payments = [(methods[0], part), (methods[1], total - part)]
        else:
            payments = [(self._rng.choice(METHODS), total)]
        charge = Charge(moment, kind, visit.patient, visit, operator, lines, payments)
        self.diary.charges.append(charge)
        return charge

    def _refund(self, charge: Charge, moment: datetime) -> None:
        charge.refunded = True
        negative = [
            Line(
                line.code, line.name, line.unit, line.price, -line.quantity, line.category, line.source, line.spec,
                line.exec_department,
            )
            for line in charge.lines
        ]  # fmt: skip
        payments = [(method, -amount) for method, amount in charge.payments]
        self.diary.charges.append(
            Charge(moment, charge.kind, charge.patient, charge.visit, charge.operator, negative, payments, charge)
        )

    def _later(self, moment: datetime, minutes: int) -> datetime:
        """Some minutes after, never after now."""
        return min(moment + timedelta(minutes=self._rng.uniform(1, minutes)), self._now).replace(microsecond=0)


def _registration_lines(register_type: str) -> list[Line]:
    fee, consult = FEES[register_type]
    return [
        Line("GHF", "挂号费", "次", Decimal(fee), 1, "13", "1"),
        Line("ZLF", "诊察费", "次", Decimal(consult), 1, "02", "1"),
    ]


def _drug_line(drug: Drug, rng: random.Random) -> Line:
    quantity = rng.choice((30, 45, 60, 70, 90)) if drug.kind == "3" else rng.randint(1, 4)
    return Line(str(drug.ypxh), drug.name, drug.unit, drug.price, quantity, KIND_CATEGORY[drug.kind], "2", drug.spec)


def _fee_line(fee: Fee) -> Line:
    return Line(fee.code, fee.name, fee.unit, fee.price, 1, fee.category, "3", None, fee.exec_department)
