"""What the centre did while we worked: read before and after every upload run, kept, and compared with ours.

From the last generation to the end of the upload. Whatever looks like the same act on both sides becomes a work item
for a person; it never holds a document up and is never corrected by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select

from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import mirrored_id
from fallback_server.store.cash import charge, receipt_number, used_there
from fallback_server.store.conflicts import open_conflict
from fallback_server.store.mirror import generation, run
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import blind_row
from fallback_server.store.session import Actor, Store, Tx
from fallback_server.store.visits import patient, registration
from sync.central.gateway import CentralGateway, Row
from sync.upload import both_sides, same_items
from sync.upload.patients import exact_among, plain

KINDS: Final = ("patient", "registration", "prescription", "charge")
OVERLAP = timedelta(minutes=10)  # rows that were committed late at the centre carry an earlier time
CHUNK = 400


def read(store: Store, gateway: CentralGateway, incident: Mapping[str, Any], actor: Actor) -> dict[str, int]:
    """Read the window anew and keep it. Returns the rows of the centre's own by kind; without a file, none.

    It begins with the oldest data of the generation that the outage used, and both its ends are told by the centre's
    clock: the centre's rows carry that one's times.
    """
    then = timedelta(seconds=_offset_of(store, incident["generation"]))
    now = timedelta(seconds=gateway.probe().clock_offset_seconds)
    binds = {
        "since": to_text(from_text(incident["generation_as_of"]) + then - OVERLAP),
        "until": to_text(store.clock.now() + now + timedelta(seconds=1)),
    }
    counts: dict[str, int] = {}
    for kind in KINDS:
        if not gateway.has(f"blind_window/{kind}"):
            continue
        rows = [plain(row) for row in gateway.ask(f"blind_window/{kind}", binds) if not _ours(row)]
        if kind == "charge":
            rows = same_items.kept_with(gateway, binds, rows, _of_our_patients(store, incident["incident_no"], rows))
        _keep(store, incident["incident_no"], kind, rows, actor)
        counts[kind] = len(rows)
    return counts


def _of_our_patients(store: Store, number: int, rows: Sequence[Row]) -> set[str]:
    """The keys of the centre's charges to patients who were charged here, too."""
    with store.reading() as tx:
        ids = _local_ids(tx.conn, rows)
        charged = _by_patient(tx.conn, charge, number, ids)
    both = {no for no, several in ids.items() if any(one in charged for one in several)}
    return {str(row["central_key"]) for row in rows if str(row.get("patient_no")) in both}


def _offset_of(store: Store, number: int) -> int:
    """Centre minus standby in seconds when that generation was read."""
    offset = (
        select(run.c.clock_offset_seconds)
        .join(generation, generation.c.run_id == run.c.run_id)
        .where(generation.c.generation == number)
    )
    with store.reading() as tx:
        return int(tx.conn.execute(offset).scalar() or 0)


def _ours(row: Row) -> bool:
    return str(row.get("yj_mark") or "0").strip().lower() in ("1", "true")


def _keep(store: Store, number: int, kind: str, rows: Sequence[Row], actor: Actor) -> None:
    """Replace what was kept of this kind, in short transactions; the newest reading wins."""
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        tx.conn.execute(delete(blind_row).where(blind_row.c.incident_no == number, blind_row.c.kind == kind))
        known = _own_keys(tx.conn, kind)
        own = {
            str(row["central_key"]): row for row in rows if row["central_key"] is not None
        }  # a join gives some twice
        kept = [
            {"incident_no": number, "kind": kind, "central_key": key, "row": dict(row), "seen_at": tx.at}
            for key, row in own.items()
            if key not in known
        ]
        for start in range(0, len(kept), CHUNK):
            tx.conn.execute(insert(blind_row), kept[start : start + CHUNK])


def _own_keys(conn: Connection, kind: str) -> set[str]:
    """Keys the centre gave to what we uploaded: a row we made is not a row of the centre's own."""
    if kind not in ("patient", "registration"):
        return set()
    rows = conn.execute(select(outbox.c.central_key).where(outbox.c.entity == kind, outbox.c.central_key.is_not(None)))
    return {str(row.central_key) for row in rows}


def compare(store: Store, number: int, actor: Actor) -> int:
    """Put before a person what looks like one act on both sides. Returns how many new items there are."""
    with store.reading() as tx:
        found = list(_doubts(tx.conn, number))
    if not found:
        return 0
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        return sum(_open(tx, number, *doubt) for doubt in found)


def _open(tx: Tx, number: int, kind: str, subject: str, local: dict[str, Any], central: Row) -> bool:
    return open_conflict(tx, number, kind, subject, local=local, central=dict(central))


_Doubt = tuple[str, str, dict[str, Any], Row]


def _doubts(conn: Connection, number: int) -> Iterator[_Doubt]:
    rows: dict[str, list[Row]] = {kind: [] for kind in KINDS}
    kept = select(blind_row.c.kind, blind_row.c.row).where(blind_row.c.incident_no == number)
    # In one order: of two patients of the centre alike to one of ours every run asks about the same.
    for stored in conn.execute(kept.order_by(blind_row.c.kind, blind_row.c.central_key)):
        rows[stored.kind].append(stored.row)
    ids = _local_ids(conn, [*rows["charge"], *rows["registration"]])
    yield from _receipts(conn, number, rows["charge"])
    yield from _charges(conn, number, rows["charge"], ids)
    yield from _refunds(conn, number, rows["charge"])
    yield from _registrations(conn, number, rows["registration"], ids)
    yield from _patients(conn, number, rows["patient"])
    yield from both_sides.short_of_stock(conn, number)


def _local_ids(conn: Connection, rows: Sequence[Row]) -> dict[str, list[str]]:
    """Our ids of the patients that the centre's rows speak of: mirrored ones, and new ones that have a key by now."""
    numbers = {str(row["patient_no"]) for row in rows if row.get("patient_no")}
    ids = {no: [mirrored_id("patient", no)] for no in numbers}
    made = conn.execute(
        select(outbox.c.yj_id, outbox.c.central_key).where(
            outbox.c.entity == "patient", outbox.c.central_key.is_not(None)
        )
    )
    for row in made:
        if row.central_key in ids:
            ids[row.central_key].append(row.yj_id)
    return ids


def _by_patient(conn: Connection, table: Any, number: int, ids: Mapping[str, Sequence[str]]) -> dict[str, list[Any]]:
    wanted = sorted({one for several in ids.values() for one in several})
    found: dict[str, list[Any]] = {}
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        for row in conn.execute(select(table).where(table.c.incident_no == number, table.c.patient_id.in_(chunk))):
            found.setdefault(row.patient_id, []).append(row)
    return found


def _receipts(conn: Connection, number: int, rows: Sequence[Row]) -> Iterator[_Doubt]:
    numbers = {str(row["receipt_no"]): row for row in rows if row.get("receipt_no") and not row.get("refund_of")}
    texts = sorted(numbers)
    for start in range(0, len(texts), CHUNK):
        ours = conn.execute(
            select(
                receipt_number.c.receipt_no, receipt_number.c.charge_id, receipt_number.c.state, receipt_number.c.reason
            ).where(
                receipt_number.c.receipt_no.in_(texts[start : start + CHUNK]),
                receipt_number.c.state.in_(("used", "void")),
                receipt_number.c.incident_no == number,
            )
        )
        for row in ours:
            if row.reason == used_there(str(numbers[row.receipt_no]["central_key"])):
                continue  # nobody used it here: an account found out where it went
            local = {"receipt_no": row.receipt_no, "state": row.state, "charge_id": row.charge_id}
            yield "doubt_receipt_number", row.receipt_no, local, numbers[row.receipt_no]


def _charges(conn: Connection, number: int, rows: Sequence[Row], ids: Mapping[str, Sequence[str]]) -> Iterator[_Doubt]:
    ours = _by_patient(conn, charge, number, ids)
    items = same_items.ours(conn, (own.id for several in ours.values() for own in several))
    for theirs in rows:
        if theirs.get("refund_of") or not theirs.get("patient_no"):
            continue
        shown = {name: value for name, value in theirs.items() if name != same_items.ITEMS}
        for one in ids[str(theirs["patient_no"])]:
            for own in ours.get(one, []):
                if own.refund_of is not None or own.total <= 0:
                    continue
                both = same_items.shared(items.get(own.id, {}), theirs)
                if both or _same_amount(own.total, theirs.get("total")):
                    local = {"yj_no": own.yj_no, "total": format(own.total, "f"), "created_at": own.created_at}
                    local |= {"same_items": both} if both else {}
                    yield "doubt_charged_twice", f"{own.id}:{theirs['central_key']}", local, shown


def _refunds(conn: Connection, number: int, rows: Sequence[Row]) -> Iterator[_Doubt]:
    """A charge of ours that the centre refunded too: the money may have been given back twice."""
    theirs = {str(row["refund_of"]): row for row in rows if row.get("refund_of")}
    original, back = outbox.alias("original"), charge.alias("back")
    keys = sorted(theirs)
    for start in range(0, len(keys), CHUNK):
        mine = (
            select(back, original.c.central_key)
            .join(original, original.c.yj_id == back.c.refund_of)
            .where(back.c.incident_no == number, original.c.central_key.in_(keys[start : start + CHUNK]))
        )
        for own in conn.execute(mine):
            other = theirs[own.central_key]
            local = {"yj_no": own.yj_no, "total": format(own.total, "f"), "created_at": own.created_at}
            yield "doubt_refunded_twice", f"{own.id}:{other['central_key']}", local, other


def _same_amount(ours: Any, theirs: Any) -> bool:
    return theirs is not None and ours == type(ours)(str(theirs))


def _registrations(
    conn: Connection, number: int, rows: Sequence[Row], ids: Mapping[str, Sequence[str]]
) -> Iterator[_Doubt]:
    ours = _by_patient(conn, registration, number, ids)
    for theirs in rows:
        for one in ids.get(str(theirs.get("patient_no")), []):
            for own in ours.get(one, []):
                same_day = str(theirs.get("occurred_at") or "")[:10] == own.business_date
                if same_day and own.department_code == theirs.get("department_code") and own.cancelled_at is None:
                    yield "doubt_registered_twice", f"{own.id}:{theirs['central_key']}", _slip(own), theirs
    yield from both_sides.oversold(conn, number, rows)
    places = {
        (str(r["schedule_id"]), str(r["queue_no"])): r for r in rows if r.get("schedule_id") and r.get("queue_no")
    }
    if not places:
        return
    booked = conn.execute(
        select(registration).where(registration.c.incident_no == number, registration.c.schedule_id.is_not(None))
    )
    for own in booked:
        other = places.get((str(own.schedule_id), str(own.queue_no)))
        if other is not None:
            yield "doubt_queue_number", f"{own.id}:{other['central_key']}", _slip(own), other


def _slip(row: Any) -> dict[str, Any]:
    return {
        "yj_no": row.yj_no, "patient_name": row.patient_name, "department_code": row.department_code,
        "queue_no": row.queue_no, "created_at": row.created_at,
    }  # fmt: skip


def _patients(conn: Connection, number: int, rows: Sequence[Row]) -> Iterator[_Doubt]:
    """Somebody alike: the same id number, or name and birth date. The same person exactly is linked, not doubted."""
    by_id = {str(row["id_no"]): row for row in rows if row.get("id_no")}
    by_name = {(row.get("name"), str(row.get("birth_date") or "")[:10]): row for row in rows}
    ours = conn.execute(
        select(patient, outbox.c.central_key)
        .join(outbox, outbox.c.yj_id == patient.c.id)
        .where(patient.c.incident_no == number)
    ).mappings()
    for own in ours:
        theirs = by_id.get(own["id_no"] or "") or by_name.get((own["name"], own["birth_date"] or "?"))
        if theirs is None or exact_among(dict(own), [theirs]) or own["central_key"] == str(theirs["central_key"]):
            continue
        local = {name: own[name] for name in ("yj_no", "name", "sex", "birth_date", "id_no", "phone")}
        yield "doubt_patient_twice", f"{own['id']}:{theirs['central_key']}", local, theirs
