"""Some departments in YJ while the rest work on the centre: who serves them, and what both sides touch at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, distinct, func, select

from fallback_server.acts import open_work, roll_call
from fallback_server.store import cash, mirror, visits
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
    return dict(Counter(one["role"] for one in roll_call.windows(tx) if one["live"] and one["role"]))


def warnings(tx: Tx, departments: Sequence[str] | None) -> list[dict[str, Any]]:
    """What these departments lack to work in YJ; nothing is said of the whole hospital, whose windows all switch."""
    if not departments:
        return []
    alive = windows_alive(tx)
    return [
        {"code": code, "text": text, "text_en": text_en}
        for role, (code, text, text_en) in _NEEDED.items()
        if not alive.get(role)
    ]


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
