"""Some departments in YJ while the rest work on the centre: who serves them, and what both sides touch at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Select, distinct, func, select

from fallback_server.acts import open_work, roll_call
from fallback_server.domain.stations import Entry
from fallback_server.store import cash, mirror, stations, visits
from fallback_server.store.mode_switch import LIVE_SECONDS
from fallback_server.store.session import Tx

# Whom patients of any department in YJ need, and what is said where nobody of the kind is heard of.
_NEEDED: Final = {
    "cashier": (
        "no_cashier",
        f"最近 {LIVE_SECONDS} 秒没有收费窗口在线：这些科室的病人无处缴费。请先让一个收费窗口打开应急页面。",
        f"No cashier's window was heard of in the last {LIVE_SECONDS} seconds: patients of these departments have "
        "nowhere to pay. Have one open the page of the standby first.",
    ),
    "pharmacist": (
        "no_pharmacy",
        f"最近 {LIVE_SECONDS} 秒没有药房窗口在线：这些科室的处方无处取药。请先让一个药房窗口打开应急页面。",
        f"No pharmacy's window was heard of in the last {LIVE_SECONDS} seconds: prescriptions of these departments "
        "cannot be filled. Have one open the page of the standby first.",
    ),
}


def windows_alive(tx: Tx) -> dict[str, int]:
    """Role → how many windows of it are alive: any of them may serve any department."""
    return dict(Counter(one["role"] for one in _alive(tx)))


def _alive(tx: Tx) -> list[dict[str, Any]]:
    return [one for one in roll_call.windows(tx) if one["live"] and one["role"]]


def warnings(tx: Tx, departments: Sequence[str] | None) -> list[dict[str, Any]]:
    """What these departments lack to work in YJ. Of the whole hospital, whose windows all switch, nothing is said but
    how many books of the HIS wait for their paper.

    Any window may serve them. But where the workstation table says that all cashiers who are there belong to other
    departments, or that nobody is at the pharmacy to which prescriptions of these departments go, patients have a way
    to walk: that is said too.
    """
    if not departments:
        return _papers_unchecked(tx)
    alive = _alive(tx)
    lacking = [words for role, words in _NEEDED.items() if not any(one["role"] == role for one in alive)]
    named = {one.code: one for one in stations.entries(tx.conn)}
    for role, far in (("cashier", _cashiers_elsewhere), ("pharmacist", _pharmacies_empty)):
        there = [named.get(one["code"], Entry(one["code"])) for one in alive if one["role"] == role]
        lacking += far(tx, departments, there) if there else []
    return [{"code": code, "text": text, "text_en": text_en} for code, text, text_en in lacking]


def _papers_unchecked(tx: Tx) -> list[dict[str, Any]]:
    table = cash.receipt_book
    waiting = (
        table.c.incident_no == tx.mode.incident_no, table.c.recheck_since.is_not(None),
        table.c.next_no <= table.c.end_no,  # of one that is used up nobody asks anything
    )  # fmt: skip
    n = int(tx.conn.execute(select(func.count()).where(*waiting)).scalar_one())
    if not n:
        return []
    text = f"{n} 本 HIS 票据段刚才两边都可能在用：请通知持有人看打印机里的票，按 F7 输入票上的号码，之后才能收费。"
    text_en = (
        f"{n} books of the HIS may have been used on both sides: tell their holders to key in the number of the"
        " sheet in the printer (F7); they charge again after that."
    )
    return [{"code": "papers_unchecked", "text": text, "text_en": text_en}]


def _cashiers_elsewhere(tx: Tx, departments: Sequence[str], there: Sequence[Entry]) -> Iterator[tuple[str, str, str]]:
    """A cashier without a department, or with one that sees no patients, is everybody's."""
    table = mirror.datasets["department"]
    seeing = table.c.kind.in_(("outpatient", "emergency"))
    clinical = set(tx.conn.execute(select(table.c.department_code).where(seeing)).scalars())
    if all(one.department_code in clinical - set(departments) for one in there):
        where = "、".join(one.window or one.code for one in there)
        yield (
            "cashier_elsewhere",
            f"在线的收费窗口都属于其他科室（{where}）：请告诉这些科室的病人到那里缴费，或者再开一个收费窗口。",
            f"All cashiers that were heard of belong to other departments ({where}): tell patients to pay there, or"
            " open one for these departments.",
        )


def _pharmacies_empty(tx: Tx, departments: Sequence[str], there: Sequence[Entry]) -> Iterator[tuple[str, str, str]]:
    """Nothing can be said while a pharmacist is there of whom the table names no pharmacy."""
    manned = {one.pharmacy_code for one in there}
    if None in manned:
        return
    theirs, name = mirror.datasets["open_prescription"], mirror.datasets["department"]
    asked = (
        select(theirs.c.pharmacy_code, func.max(name.c.name))
        .outerjoin(name, name.c.department_code == theirs.c.pharmacy_code)
        .where(theirs.c.department_code.in_(departments), theirs.c.pharmacy_code.is_not(None))
        .group_by(theirs.c.pharmacy_code)
    )
    empty = {row[0]: row[1] or row[0] for row in tx.conn.execute(asked) if row[0] not in manned}
    if empty:
        names = "、".join(empty[code] for code in sorted(empty))
        yield (
            "pharmacy_elsewhere",
            f"这些科室的处方发往{names}，那里没有窗口在线：请让那里打开应急页面，或者告诉病人到在线的药房取药。",
            f"Prescriptions of these departments go to {names}, and no window was heard of there: have one open the"
            " page of the standby, or send patients to a pharmacy that is there.",
        )


def at_risk(tx: Tx) -> dict[str, Any]:
    """What the HIS sells, gives out and charges at the same time as we do, in figures of this incident.

    `sessions`: sessions of which places were sold here, and `full` of them as far as is known. `unpaid`: patients with
    work of ours who also have something unpaid at the centre. `drugs`: kinds handed out here, and `short` of them by
    the stock as of the mirror. `books`: receipt books of the HIS that are used here.
    """
    sold, full = _sessions(tx)
    drugs, short = _drugs(tx)
    return {
        "sessions": sold, "full": full, "unpaid": _unpaid(tx), "drugs": drugs, "short": short, "books": _books(tx),
        "as_of": {name: open_work.as_of(tx, name) for name in ("schedule", "drug_stock", "open_prescription")},
    }  # fmt: skip


def _sessions(tx: Tx) -> tuple[int, int]:
    ours, there = visits.registration, mirror.datasets["schedule"]
    rows = tx.conn.execute(
        select(there.c.capacity, there.c.used, func.count())
        .join(there, there.c.schedule_id == ours.c.schedule_id)
        .where(ours.c.incident_no == tx.mode.incident_no, ours.c.cancelled_at.is_(None))
        .group_by(there.c.schedule_id, there.c.capacity, there.c.used)
    ).all()
    return len(rows), sum(row[0] is not None and int(row[1] or 0) + int(row[2]) >= row[0] for row in rows)


def _unpaid(tx: Tx) -> int:
    """Patients of the centre with a visit or a charge here, and an unpaid prescription or order there."""
    person = mirror.datasets["patient"]
    here = _patients_of(tx, visits.registration).union(_patients_of(tx, cash.charge)).subquery()
    owing: list[Any] = []
    for name in ("open_prescription", "open_order"):
        table = mirror.datasets[name]
        settled = select(cash.settlement.c.charge_id).where(cash.settlement.c.target_id == table.c.id).exists()
        owing.append(select(table.c.patient_no).where(table.c.status == "unpaid", ~settled))
    unpaid = owing[0].union(owing[1]).subquery()
    statement = (
        select(func.count(distinct(person.c.patient_no)))
        .join(here, here.c.patient_id == person.c.id)
        .join(unpaid, unpaid.c.patient_no == person.c.patient_no)
    )
    return int(tx.conn.execute(statement).scalar_one())


def _patients_of(tx: Tx, table: Any) -> Select[Any]:
    return select(table.c.patient_id).where(table.c.incident_no == tx.mode.incident_no, table.c.patient_id.is_not(None))


def _drugs(tx: Tx) -> tuple[int, int]:
    given, line, stock = visits.handover, visits.handover_line, mirror.datasets["drug_stock"]
    rows = tx.conn.execute(
        select(line.c.item_code, func.sum(line.c.quantity))
        .join(given, given.c.id == line.c.handover_id)
        .where(given.c.incident_no == tx.mode.incident_no)
        .group_by(line.c.item_code)
    ).all()
    stocked = tx.conn.execute(
        select(stock.c.drug_code, func.sum(stock.c.qty))
        .where(stock.c.drug_code.in_([row[0] for row in rows]))
        .group_by(stock.c.drug_code)
    )
    held = {row[0]: row[1] for row in stocked}
    return len(rows), sum(row[1] > held.get(row[0], 0) for row in rows)


def _books(tx: Tx) -> int:
    table = cash.receipt_book
    statement = select(func.count()).where(
        table.c.source == "mirror", table.c.incident_no == tx.mode.incident_no, table.c.left_at.is_(None)
    )
    return int(tx.conn.execute(statement).scalar_one())
