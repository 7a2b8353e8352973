"""What is left when the documents are back, as people see it, and the word of a person that something of it is done.

The lists are store.after_lists; here they get names, and the marks that a person sets. Nothing here is a document, and
all of it stays possible after an incident was closed: a signature hands no drug out and exchanges no paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, or_, select, update

from fallback_server.acts import locks, masters, patients
from fallback_server.domain import money
from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.store import after_lists, cash, mirror, visits
from fallback_server.store.after import dispense_watch, queue_handback, receipt_exchange
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Tx

Item = dict[str, Any]


def _open_minutes(now: datetime, *since: str | None) -> int:
    """Minutes since the latest of these moments."""
    begun = max(from_text(one) for one in since if one)
    return max(0, int((now - begun).total_seconds() // 60))


# --- drugs -----------------------------------------------------------------------------------------------------------


def dispensing(
    tx: Tx, *, incident_no: int | None = None, done: bool = False, pharmacy_code: str | None = None, limit: int = 200
) -> list[Item]:
    """Per prescription what must be dispensed in the HIS (or was), the longest waiting first.

    `status` is what the centre said last: open, missing, None (not asked yet); `at_centre`: it has arrived there.
    """
    found = after_lists.to_dispense(tx.conn, incident_no=incident_no, done=done, limit=None if pharmacy_code else limit)
    ids = [one["prescription_id"] for one in found]
    keys, lines = after_lists.keys_of_prescriptions(tx.conn, found), after_lists.given_lines(tx.conn, ids)
    heads = _heads(tx, found)
    shown = [_drug_item(tx, one, heads.get(one["prescription_id"], {}), keys, lines) for one in found]
    return [one for one in shown if pharmacy_code in (None, one["pharmacy_code"])][:limit]


def _drug_item(
    tx: Tx, one: Mapping[str, Any], head: Mapping[str, Any], keys: Mapping[str, str], lines: Mapping[str, list[Item]]
) -> Item:
    key = keys.get(one["prescription_id"]) or one["central_key"]
    names = ("incident_no", "handed_at", "asked_at", "dispensed_at", "dispensed_by", "done_at", "done_by", "note")
    return {
        "id": one["prescription_id"],
        "origin": one["origin"],
        "rx_no": head.get("number") or key or one["prescription_id"],
        "central_key": key,
        "at_centre": key is not None,
        "patient": {"id": head.get("patient_id"), "name": head.get("patient_name") or "—"},
        "pharmacy_code": head.get("pharmacy_code"),
        "lines": lines.get(one["prescription_id"], []),
        "status": one["status"],
        "open_minutes": _open_minutes(tx.now, one["handed_at"], one["ended_at"]),
        **{name: one[name] for name in names},
    }


def _heads(tx: Tx, found: Sequence[Mapping[str, Any]]) -> dict[str, Item]:
    """Number, patient and pharmacy of prescriptions, ours and the centre's; the patient as the dispense note has it."""
    ids, notes = [one["prescription_id"] for one in found], {one["note_id"]: one["prescription_id"] for one in found}
    rx, theirs = visits.prescription, mirror.datasets["open_prescription"]
    heads: dict[str, Item] = {
        row.id: {"number": row.yj_no, "pharmacy_code": row.pharmacy_code}
        for row in tx.conn.execute(select(rx.c.id, rx.c.yj_no, rx.c.pharmacy_code).where(rx.c.id.in_(ids)))
    }
    for row in tx.conn.execute(select(theirs.c.id, theirs.c.pharmacy_code).where(theirs.c.id.in_(ids))):
        heads.setdefault(row.id, {"number": None, "pharmacy_code": row.pharmacy_code})
    whose = {
        notes[row.yj_id]: row.chain
        for row in tx.conn.execute(select(outbox.c.yj_id, outbox.c.chain).where(outbox.c.yj_id.in_(list(notes))))
    }
    people = patients.many(tx, whose.values())
    for number, patient_id in whose.items():
        person = people.get(patient_id)
        name = person.name if person else None
        heads.setdefault(number, {}).update(patient_id=patient_id, patient_name=name)
    return heads


def mark_dispensed(tx: Tx, prescription_id: str, note: str) -> Item:
    """A pharmacist says that it is done in the HIS, or needs not be. Raises not_found, already_done."""
    locks.hold(tx, f"prescription:{prescription_id}")
    open_now = {one["prescription_id"]: one for one in after_lists.to_dispense(tx.conn)}
    if prescription_id not in open_now:
        _refuse_done(tx, dispense_watch.c.prescription_id == prescription_id)
    item = open_now[prescription_id]
    key = after_lists.keys_of_prescriptions(tx.conn, [item]).get(prescription_id) or item["central_key"] or ""
    who = tx.who.operator_code
    values = {"done_at": tx.at, "done_by": who, "note": note}
    here = dispense_watch.c.prescription_id == prescription_id
    if not tx.conn.execute(update(dispense_watch).where(here).values(**values)).rowcount:
        first = {"prescription_id": prescription_id, "central_key": key, "status": "unasked", "asked_at": tx.at}
        tx.conn.execute(insert(dispense_watch).values(**first, **values))
    tx.audit("after.dispensed", subject=prescription_id, by_hand=True, note=note)
    return {"id": prescription_id, **values}


def _refuse_done(tx: Tx, here: Any) -> None:
    row = tx.conn.execute(select(dispense_watch.c.done_at, dispense_watch.c.done_by).where(here)).first()
    if row is None or row.done_at is None:
        raise YjError("not_found")
    raise YjError("already_done", by=row.done_by, at=row.done_at)


# --- receipts --------------------------------------------------------------------------------------------------------


def receipts(
    tx: Tx, *, incident_no: int | None = None, done: bool = False, q: str = "", limit: int = 100
) -> list[Item]:
    """Temporary receipts to be exchanged (or that were), by receipt number; `q` finds a number or a patient's name."""
    statement = after_lists.to_exchange(incident_no, done=done)
    found = statement.subquery()
    wanted = select(found).order_by(found.c.receipt_no).limit(limit)
    if q:
        text = q.strip()
        sought = (found.c.receipt_no, found.c.yj_no, found.c.formal_no)
        wanted = wanted.where(
            or_(*(column == text.upper() for column in sought), found.c.patient_name.startswith(text))
        )
    return [_receipt_item(row) for row in map(dict, tx.conn.execute(wanted).mappings())]


def _receipt_item(row: Mapping[str, Any]) -> Item:
    names = ("receipt_no", "yj_no", "incident_no", "business_date", "formal_no", "exchanged_at", "exchanged_by", "note")
    return {
        "id": row["id"],
        **{name: row[name] for name in names},
        "at": row["created_at"],
        "patient": {"id": row["patient_id"], "name": row["patient_name"]},
        "cashier": {"code": row["operator_code"], "name": row["operator_name"]},
        "total": money.to_text(row["total"]),
        "left": money.to_text(row["left"]),
    }


def exchange(tx: Tx, charge_id: str, formal_no: str, note: str | None) -> Item:
    """The temporary receipt came back and the formal one was given out.

    Raises charge_not_found (also for a refund and for what is refunded), already_done, formal_no_used.
    """
    locks.hold(tx, f"exchange:{charge_id}")
    table = receipt_exchange
    known = tx.conn.execute(select(table).where(table.c.charge_id == charge_id)).mappings().first()
    if known is not None:
        raise YjError("already_done", by=known["operator_code"], at=known["at"])
    row = tx.conn.execute(after_lists.to_exchange().where(cash.charge.c.id == charge_id)).mappings().first()
    if row is None:
        raise YjError("charge_not_found")
    if tx.conn.execute(select(table.c.charge_id).where(table.c.formal_no == formal_no)).first() is not None:
        raise YjError("formal_no_used", number=formal_no)
    values = {
        "charge_id": charge_id, "formal_no": formal_no, "incident_no": row["incident_no"], "at": tx.at,
        "operator_code": tx.who.operator_code, "operator_name": tx.who.operator_name, "note": note,
    }  # fmt: skip
    tx.conn.execute(insert(table).values(**values))
    tx.audit("after.exchange", subject=charge_id, receipt_no=row["receipt_no"], formal_no=formal_no)
    return {**_receipt_item({**row, "note": note}), "formal_no": formal_no, "exchanged_at": tx.at,
            "exchanged_by": tx.who.operator_code}  # fmt: skip


# --- the hall --------------------------------------------------------------------------------------------------------


def hall(tx: Tx, *, incident_no: int | None = None, department_code: str | None = None) -> list[Item]:
    """Visits whose state here a nurse has to key in at the HIS, because nothing has told it (yet)."""
    found = after_lists.to_hand_back(tx.conn, tx.today, incident_no)
    theirs = {one["registration_id"]: one["patient_no"] for one in found if one["patient_name"] is None}
    table = mirror.datasets["patient"]
    names = {
        row.patient_no: row.name
        for row in tx.conn.execute(
            select(table.c.patient_no, table.c.name).where(table.c.patient_no.in_(theirs.values()))
        )
    }
    return [
        _hall_item(tx, one, names.get(str(one["patient_no"]))) for one in found
        if department_code in (None, one["department_code"], one["first_department"])
    ]  # fmt: skip


def _hall_item(tx: Tx, one: Mapping[str, Any], mirrored_name: str | None) -> Item:
    names = ("origin", "central_key", "queue_no", "status", "moved", "department_code", "staff_code", "changed_at",
             "changed_by", "incident_no")  # fmt: skip
    return {
        "id": one["registration_id"],
        "slip_no": one["yj_no"],
        "patient": {"id": one["patient_id"], "name": one["patient_name"] or mirrored_name or "—"},
        **{name: one[name] for name in names},
        "at_centre": one["central_key"] is not None,
        "refused": one["how"] == "refused",
        "department": _department(tx, one["department_code"]),
        "first_department": _department(tx, one["first_department"]),
    }


def _department(tx: Tx, code: str | None) -> str:
    found = masters.find(tx, "department", code) if code else None
    return str(found["name"]) if found else code or "—"


def mark_keyed(tx: Tx, registration_id: str, note: str | None) -> Item:
    """A nurse keyed the state of a visit in at the HIS. Raises not_found."""
    locks.hold(tx, f"registration:{registration_id}")
    open_now = {one["registration_id"]: one for one in after_lists.to_hand_back(tx.conn, tx.today)}
    if registration_id not in open_now:
        raise YjError("not_found")
    one, table = open_now[registration_id], queue_handback
    tx.conn.execute(table.delete().where(table.c.registration_id == registration_id))
    values = {
        "registration_id": registration_id, "status": one["status"], "moved_at": one["changed_at"], "how": "keyed",
        "at": tx.at, "operator_code": tx.who.operator_code, "note": note,
    }  # fmt: skip
    tx.conn.execute(insert(table).values(**values))
    tx.audit("after.hand_back", subject=registration_id, status=one["status"], how="keyed")
    return {"id": registration_id, **values}


# --- refunds that only the HIS can make ------------------------------------------------------------------------------


def _wishes() -> Select[Any]:
    table = visits.refund_wish
    real = select(incident.c.incident_no).where(incident.c.drill.is_(False))
    return select(table).where(table.c.incident_no.in_(real)).order_by(table.c.id)


def wishes(tx: Tx, *, incident_no: int | None = None, done: bool = False, limit: int = 200) -> list[Item]:
    """What patients asked to be refunded and the HIS alone can do, the oldest first."""
    table = visits.refund_wish
    statement = _wishes().where(table.c.done_at.is_not(None) if done else table.c.done_at.is_(None))
    if incident_no is not None:
        statement = statement.where(table.c.incident_no == incident_no)
    rows = map(dict, tx.conn.execute(statement.limit(limit)).mappings())
    return [{**row, "id": str(row["id"]), "open_minutes": _open_minutes(tx.now, row["at"])} for row in rows]


def mark_refunded(tx: Tx, wish_id: int, how: str) -> Item:
    """Somebody dealt with the wish in the HIS; `how` says what was done. Raises not_found, already_done."""
    locks.hold(tx, f"wish:{wish_id}")
    table = visits.refund_wish
    row = tx.conn.execute(_wishes().where(table.c.id == wish_id)).mappings().first()
    if row is None:
        raise YjError("not_found")
    if row["done_at"] is not None:
        raise YjError("already_done", by=row["done_by"], at=row["done_at"])
    values = {"done_at": tx.at, "done_by": tx.who.operator_code, "done_how": how}
    tx.conn.execute(update(table).where(table.c.id == wish_id).values(**values))
    tx.audit("refund.wish_done", subject=row["charge_id"], how=how)
    return {**dict(row), "id": str(wish_id), **values}


# --- how much there is -----------------------------------------------------------------------------------------------


def counts(tx: Tx, incident_no: int | None = None) -> dict[str, dict[str, int]]:
    """`{dispensing, receipts, hall, wishes}`, each `{open, done}`, of one incident or of all."""
    drugs = [after_lists.to_dispense(tx.conn, incident_no=incident_no, done=one) for one in (False, True)]
    papers = [_counted(tx, after_lists.to_exchange(incident_no, done=one)) for one in (False, True)]
    wanted = [wishes(tx, incident_no=incident_no, done=one, limit=10_000) for one in (False, True)]
    place, back = visits.queue_place, queue_handback
    told = select(func.count()).select_from(back.join(place, place.c.registration_id == back.c.registration_id))
    told = told.where(back.c.how != "refused")
    if incident_no is not None:
        told = told.where(place.c.incident_no == incident_no)
    return {
        "dispensing": {"open": len(drugs[0]), "done": len(drugs[1])},
        "receipts": {"open": papers[0], "done": papers[1]},
        "hall": {
            "open": len(after_lists.to_hand_back(tx.conn, tx.today, incident_no)),
            "done": int(tx.conn.execute(told).scalar_one()),
        },
        "wishes": {"open": len(wanted[0]), "done": len(wanted[1])},
    }


def _counted(tx: Tx, statement: Select[Any]) -> int:
    return int(tx.conn.execute(select(func.count()).select_from(statement.subquery())).scalar_one())
