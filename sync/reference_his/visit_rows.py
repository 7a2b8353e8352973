"""The diary of visits as rows of the house's tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from sync.reference_his.bulk import Row
from sync.reference_his.moments import char8, char16
from sync.reference_his.visits import UNPAID, Diary, Paper

COMMON_DIAGNOSES = ("J06.903", "J20.902", "J18.001", "A04.903", "J03.903", "R50.952", "L20.901", "H66.902")
_USAGES = ("1", "1", "1", "401", "403", "404", "5", "6")
_FREQUENCIES = ("qd", "bid", "tid", "tid", "q8h", "qn")

VISIT_COLUMNS = (
    "ghxh", "brxh", "brxm", "ghrq", "ghlb", "ksdm", "ysdm", "pbxh", "sjd", "jzxh", "zt", "jzbz", "zje", "sfxh", "yxrq",
    "thrq", "czydm", "lsh",
)  # fmt: skip


def visit_rows(diary: Diary) -> Iterator[Row]:
    """Registrations as rows of GH_MX."""
    for visit in diary.visits:
        slot, charge = visit.slot, visit.charge
        yield (
            visit.key, visit.patient.brxh, visit.patient.name, char16(visit.moment), slot.register_type,
            slot.department, slot.doctor, slot.key, slot.session, visit.queue, visit.state,
            "1" if slot.emergency else "0", charge.total if charge else None, charge.key if charge else None,
            char8(visit.moment), char16(visit.cancelled_at) if visit.cancelled_at else None, visit.operator,
            f"GH{visit.key}",
        )  # fmt: skip


PRESCRIPTION_COLUMNS = (
    "cfxh", "ghxh", "brxh", "cflb", "zddm", "ksdm", "ysdm", "yfdm", "kfrq", "je", "zt", "sfxh", "fyrq", "fyczy",
)  # fmt: skip


def prescription_rows(diary: Diary, doctors: Sequence[str], pharmacists: Sequence[str]) -> Iterator[Row]:
    """Prescriptions as rows of CF_ZB. An unpaid one has the state '0' or none at all."""
    for paper in diary.prescriptions:
        slot = paper.visit.slot
        pharmacy = (
            "JZYF" if slot.emergency and paper.drug_kind != "3" else "MZZYF" if paper.drug_kind == "3" else "MZXYF"
        )
        yield (
            paper.key, paper.visit.key, paper.visit.patient.brxh, paper.drug_kind,
            COMMON_DIAGNOSES[paper.key % len(COMMON_DIAGNOSES)], slot.department,
            slot.doctor or doctors[paper.key % len(doctors)], pharmacy, char16(paper.moment), paper.total,
            _state(paper), paper.charge.key if paper.charge else None,
            char16(paper.done_at) if paper.done_at else None,
            pharmacists[paper.key % len(pharmacists)] if paper.done_at else None,
        )  # fmt: skip


def _state(paper: Paper) -> str | None:
    return None if paper.state == UNPAID and paper.key % 2 else paper.state


PRESCRIPTION_LINE_COLUMNS = (
    "cfxh", "xh", "ypxh", "ypmc", "gg", "dw", "dj", "sl", "je", "fylb", "ycjl", "jldw", "yf", "pl", "ts",
)  # fmt: skip


def prescription_line_rows(diary: Diary) -> Iterator[Row]:
    """Prescription lines as rows of CF_MX."""
    for paper in diary.prescriptions:
        for number, line in enumerate(paper.lines, start=1):
            pick = paper.key + number
            yield (
                paper.key, number, int(line.code), line.name, line.spec, line.unit, line.price, line.quantity,
                line.amount, line.category, "1", line.unit, _USAGES[pick % len(_USAGES)],
                _FREQUENCIES[pick % len(_FREQUENCIES)], 3 + pick % 3,
            )  # fmt: skip


ORDER_COLUMNS = ("sqxh", "ghxh", "brxh", "ksdm", "ysdm", "sqrq", "je", "zt", "sfxh", "zxrq")


def order_rows(diary: Diary, doctors: Sequence[str]) -> Iterator[Row]:
    """Orders as rows of YJ_SQ."""
    for paper in diary.orders:
        slot = paper.visit.slot
        yield (
            paper.key, paper.visit.key, paper.visit.patient.brxh, slot.department,
            slot.doctor or doctors[paper.key % len(doctors)], char16(paper.moment), paper.total,
            _state(paper), paper.charge.key if paper.charge else None,
            char16(paper.done_at) if paper.done_at else None,
        )  # fmt: skip


ORDER_LINE_COLUMNS = ("sqxh", "xh", "xmdm", "xmmc", "dw", "dj", "sl", "je", "fylb", "zxks")


def order_line_rows(diary: Diary) -> Iterator[Row]:
    """Order lines as rows of YJ_SQMX."""
    for paper in diary.orders:
        for number, line in enumerate(paper.lines, start=1):
            yield (
                paper.key, number, line.code, line.name, line.unit, line.price, line.quantity, line.amount,
                line.category, line.exec_department,
            )  # fmt: skip


CHARGE_COLUMNS = (
    "sfxh", "sflb", "brxh", "brxm", "ghxh", "czydm", "sfrq", "zje", "fphm", "zt", "tfxh", "brxz", "ybkh", "ybqh",
    "jzrq", "rjxh",
)  # fmt: skip


class Closings:
    """The day closings of the past: each cashier closed each day before `today` on the evening of that day."""

    def __init__(self, today: str) -> None:
        self._today = today
        self._sums: dict[tuple[str, str], list[Decimal]] = {}

    def take(self, operator: str, day: str, total: Decimal) -> int | None:
        """The closing that took a charge of this day; None for today, which is still open."""
        if day >= self._today:
            return None
        sums = self._sums.setdefault((operator, day), [Decimal(len(self._sums) + 1), Decimal(0), Decimal("0.00")])
        sums[1] += 1
        sums[2] += total
        return int(sums[0])

    def rows(self) -> Iterator[Row]:
        """All of them as rows of SF_RJ."""
        for (operator, day), (key, count, total) in self._sums.items():
            yield int(key), operator, day, f"{day}23:50:00", int(count), total


CLOSING_COLUMNS = ("rjxh", "czydm", "rjrq", "rjsj", "bs", "je")


def charge_rows(diary: Diary, closings: Closings) -> Iterator[Row]:
    """Charges and refunds as rows of SF_ZB: a refund is a second, negative row that names the first."""
    for charge in diary.charges:
        patient = charge.patient
        state = "3" if charge.original else "1" if charge.refunded else (None if charge.key % 2 else "0")
        yield (
            charge.key, charge.kind, patient.brxh, patient.name, charge.visit.key, charge.operator,
            char16(charge.moment), charge.total, charge.receipt, state,
            charge.original.key if charge.original else None, patient.insurance, patient.insurance_no, patient.region,
            char8(charge.moment), closings.take(charge.operator, char8(charge.moment), charge.total),
        )  # fmt: skip


CHARGE_LINE_COLUMNS = ("sfxh", "xh", "xmdm", "xmmc", "dw", "sl", "dj", "je", "fylb", "ly")


def charge_line_rows(diary: Diary) -> Iterator[Row]:
    """Charge lines as rows of SF_MX."""
    for charge in diary.charges:
        for number, line in enumerate(charge.lines, start=1):
            yield (
                charge.key, number, line.code, line.name, line.unit, line.quantity, line.price, line.amount,
                line.category, line.source,
            )  # fmt: skip


PAYMENT_COLUMNS = ("sfxh", "xh", "zffs", "je")


def payment_rows(diary: Diary) -> Iterator[Row]:
    """Payments as rows of SF_ZF."""
    for charge in diary.charges:
        for number, (method, amount) in enumerate(charge.payments, start=1):
            yield charge.key, number, method, amount
