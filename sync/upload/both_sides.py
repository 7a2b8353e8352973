"""What both sides sold out of one stock while some departments only were in YJ: places of a session, drugs of a shelf.

The mirror of masters goes on then, so its figures already hold a part of what the centre sold: only what is newer than
they are is added to them. A later mirror also holds ours, from the moment they were confirmed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select

from fallback_server.domain.clock import from_text
from fallback_server.domain.modes import Mode
from fallback_server.store.mirror import dataset_state, datasets, generation, run
from fallback_server.store.mode import mode_change
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import upload_run
from fallback_server.store.visits import handover, handover_line, prescription, registration
from sync.central.gateway import Row

_Doubt = tuple[str, str, dict[str, Any], Row]


def oversold(conn: Connection, number: int, rows: Sequence[Row]) -> Iterator[_Doubt]:
    """Sessions of which both sides together sold more places than there are; `rows` are the centre's registrations."""
    as_of = _as_of(conn, "schedule")
    sold = Counter(str(row["schedule_id"]) for row in rows if row.get("schedule_id"))
    seen = _there(conn, "schedule", as_of)
    since = Counter(str(row["schedule_id"]) for row in rows if row.get("schedule_id") and _when(row) > seen)
    places = datasets["schedule"]
    for own in conn.execute(_ours(number, as_of)):
        session = conn.execute(select(places).where(places.c.schedule_id == own.schedule_id)).mappings().first()
        if session is None or session["capacity"] is None or not sold[str(own.schedule_id)]:
            continue  # sold on our side alone was seen at the window
        known, theirs = int(session["used"] or 0), since[str(own.schedule_id)]
        if known + theirs + own.n > session["capacity"]:
            local = {
                "schedule_id": own.schedule_id,
                "capacity": session["capacity"],
                "used_before": known,
                "sold": own.n,
            }
            central = {"central_key": own.schedule_id, "sold": sold[str(own.schedule_id)]}
            yield "doubt_oversold", str(own.schedule_id), local, central


def _ours(number: int, as_of: str) -> Any:
    """Session → how many places of it we sold that the mirror's figure does not hold."""
    return (
        select(registration.c.schedule_id, func.count().label("n"))
        .join(outbox, outbox.c.yj_id == registration.c.id)
        .where(registration.c.incident_no == number, registration.c.schedule_id.is_not(None))
        .where(registration.c.cancelled_at.is_(None))
        .where(or_(outbox.c.confirmed_at.is_(None), outbox.c.confirmed_at > as_of))
        .group_by(registration.c.schedule_id)
        .order_by(registration.c.schedule_id)
    )


def short_of_stock(conn: Connection, number: int) -> Iterator[_Doubt]:
    """Drugs of which we handed out more than the centre's shelf held: the HIS will refuse to dispense them.

    Only where both sides took from the shelf, and only with a figure from before the upload: afterwards the HIS
    dispenses ours, and the same pieces would count twice.
    """
    as_of = _as_of(conn, "drug_stock")
    begun = conn.execute(
        select(func.min(upload_run.c.started_at)).where(
            upload_run.c.incident_no == number, upload_run.c.dry_run.is_(False)
        )
    ).scalar()
    if not was_partial(conn, number) or not as_of or (begun is not None and as_of > begun):
        return
    stock = datasets["drug_stock"]
    for own in conn.execute(_handed_out(number)):
        held = conn.execute(
            select(func.coalesce(func.sum(stock.c.qty), 0)).where(
                stock.c.pharmacy_code == own.pharmacy_code, stock.c.drug_code == own.item_code
            )
        ).scalar_one()
        if own.pieces > held:
            local = {"pharmacy_code": own.pharmacy_code, "drug_code": own.item_code, "name": own.name,
                     "handed_over": own.pieces}  # fmt: skip
            central = {"central_key": own.item_code, "qty": format(held, "f"), "as_of": as_of}
            yield "doubt_stock_short", f"{own.pharmacy_code}:{own.item_code}", local, central


def _handed_out(number: int) -> Any:
    theirs = datasets["open_prescription"]
    pharmacy = func.coalesce(prescription.c.pharmacy_code, theirs.c.pharmacy_code)
    return (
        select(
            pharmacy.label("pharmacy_code"), handover_line.c.item_code, func.max(handover_line.c.name).label("name"),
            func.sum(handover_line.c.quantity).label("pieces"),
        )
        .select_from(
            handover_line.join(handover, handover.c.id == handover_line.c.handover_id)
            .outerjoin(prescription, prescription.c.id == handover.c.prescription_id)
            .outerjoin(theirs, theirs.c.id == handover.c.prescription_id)
        )
        .where(handover.c.incident_no == number, handover.c.drill.is_(False), pharmacy.is_not(None))
        .group_by(pharmacy, handover_line.c.item_code)
        .order_by(pharmacy, handover_line.c.item_code)
    )  # fmt: skip


def was_partial(conn: Connection, number: int) -> bool:
    """Whether at any time of this outage the rest of the hospital worked on the centre."""
    part = select(mode_change.c.epoch).where(
        mode_change.c.incident_no == number,
        mode_change.c.to_mode == Mode.EMERGENCY.value,
        mode_change.c.scope.is_not(None),
    )
    return conn.execute(part.limit(1)).first() is not None


def _as_of(conn: Connection, dataset: str) -> str:
    """The moment whose figures the mirror shows, by the standby's clock; "" where it shows none."""
    return str(conn.execute(select(dataset_state.c.as_of).where(dataset_state.c.dataset == dataset)).scalar() or "")


def _there(conn: Connection, dataset: str, as_of: str) -> str:
    """The same moment as the centre's rows write it: its local time, by its own clock."""
    if not as_of:
        return ""
    offset = conn.execute(
        select(run.c.clock_offset_seconds)
        .join(generation, generation.c.run_id == run.c.run_id)
        .join(dataset_state, dataset_state.c.generation == generation.c.generation)
        .where(dataset_state.c.dataset == dataset)
    ).scalar()
    return (from_text(as_of) + timedelta(seconds=int(offset or 0))).strftime("%Y-%m-%d %H:%M:%S")


def _when(row: Row) -> str:
    return str(row.get("occurred_at") or "9").replace("T", " ")
