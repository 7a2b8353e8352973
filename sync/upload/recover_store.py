"""The local half of a recovery, inside the caller's transaction: confirm, note, renumber, move every counter on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, RowMapping, func, insert, or_, select, update

from fallback_server.domain.outbox import OutboxState
from fallback_server.store import cash, counters, mirror
from fallback_server.store.conflicts import open_conflict
from fallback_server.store.mode import incident, mode, mode_change
from fallback_server.store.mode_switch import note_event
from fallback_server.store.outbox import outbox
from fallback_server.store.outbox_moves import move
from fallback_server.store.people import workstation
from fallback_server.store.returning import conflict, recovered
from fallback_server.store.session import Tx, current_generation, read_mode
from sync.central.gateway import CentralIncident, LedgerRow

if TYPE_CHECKING:
    from sync.upload.recover import Ahead

RECOVERED: Final = "recovered from the ledger"
LOST_STATION: Final = "LOST-{:03d}"  # keeps the number of a workstation that this store forgot from a second owner
SKIPPED_AT_MOST: Final = 10_000  # a gap above it is no gap of a book but a slip in a number
_YJ_NO = re.compile(r"YJ(\d{2})(\d{2})(\d{2})(\d{3})(\d{4,})")


def head(conn: Connection) -> int:
    """The greatest sequence number this store has given out or noted."""
    given = conn.execute(select(func.coalesce(func.max(outbox.c.sequence), 0))).scalar_one()
    noted = conn.execute(select(func.coalesce(func.max(recovered.c.sequence), 0))).scalar_one()
    return max(int(given), int(noted), counters.current(conn, counters.DOCUMENT_SEQUENCE))


def new_epochs(tx: Tx, there: Sequence[CentralIncident], also: Iterable[int]) -> dict[int, int]:
    """A new epoch for every incident that is not closed here, and for those of `also`; above all that anybody knows."""
    greatest = max([tx.mode.epoch, *(one.epoch for one in there)])
    own = tx.conn.execute(select(incident.c.incident_no).where(incident.c.state != "closed", ~incident.c.drill))
    numbers = sorted({*own.scalars(), *also})
    return {number: greatest + place for place, number in enumerate(numbers, start=1)}


def enter(tx: Tx, ahead: Ahead, there: Sequence[CentralIncident], epochs: Mapping[int, int]) -> dict[str, Any]:
    """Everything a recovery changes here. Returns counts; numbers a person must know of are in lists."""
    enter_incidents(tx, {one.incident_no: one for one in there}, epochs)
    greatest = _sequence(tx, ahead)
    done: dict[str, Any] = {
        "confirmed": sum(_confirm(tx, row) for row in ahead.known),
        "to_a_person": sum(_other(tx, row) for row in ahead.other_contents),
        "renumbered": _renumber(tx, ahead.lost, greatest),
        "noted": _note(tx, ahead.lost),
        "sequence": counters.current(tx.conn, counters.DOCUMENT_SEQUENCE),
    }
    done["workstations"] = _yj_numbers(tx, ahead.lost)
    done |= _receipts(tx, ahead.lost)
    done["epoch"] = _epoch(tx, epochs)
    for number in sorted({row.incident_no for row in ahead.lost}):
        mine = [row for row in ahead.lost if row.incident_no == number]
        note_event(tx, number, "recovered", None, documents=len(mine), epoch=epochs[number])
    return done


# -- incidents and epochs ------------------------------------------------------------------------------------------


def enter_incidents(tx: Tx, there: Mapping[int, CentralIncident], epochs: Mapping[int, int]) -> None:
    """Incidents that only the centre knows get a row of their own, so that their accounts are closed by people."""
    known = set(tx.conn.execute(select(incident.c.incident_no)).scalars())
    for number in sorted({*epochs, *there} - known):
        began = there[number].opened_at if number in there else tx.at
        row = {
            "incident_no": number, "state": "reconciling", "drill": False, "cause": "other",
            "reason": "known from the centre only: this store came back from a backup",
            "epoch": epochs.get(number) or there[number].epoch, "generation": current_generation(tx.conn),
            "generation_as_of": str(began), "opened_at": str(began), "opened_by": "system", "ended_at": tx.at,
            "ended_by": "system", "upload_wanted": False,
        }  # fmt: skip
        if number not in epochs and there[number].closed_at:
            row |= {"state": "closed", "closed_at": there[number].closed_at}
        tx.conn.execute(insert(incident), row)
        note_event(tx, number, "known_from_centre", None)


def _epoch(tx: Tx, epochs: Mapping[int, int]) -> int:
    """The new epochs: of every incident that may still be uploaded, and of the mode, so that windows ask again."""
    before = tx.mode
    for number, epoch in sorted(epochs.items(), reverse=True):
        tx.conn.execute(update(incident).where(incident.c.incident_no == number).values(epoch=epoch))
    epoch = max([before.epoch, *epochs.values()]) + 1
    tx.conn.execute(update(mode).values(epoch=epoch))
    tx.conn.execute(
        insert(mode_change).values(
            epoch=epoch, arrow="recover", from_mode=before.mode.value, to_mode=before.mode.value, at=tx.at,
            incident_no=before.incident_no, operator_code=tx.who.operator_code, approver_code=tx.who.approver_code,
            reason="this store came back from a backup; what the centre has was taken over",
        )
    )  # fmt: skip
    tx.mode = read_mode(tx.conn)
    return epoch


# -- documents -----------------------------------------------------------------------------------------------------


def _sequence(tx: Tx, ahead: Ahead) -> int:
    """The next documents are numbered past the ledger's head; returns the counter."""
    now = counters.current(tx.conn, counters.DOCUMENT_SEQUENCE)
    behind = max(ahead.head, ahead.here) - now
    return counters.take(tx.conn, counters.DOCUMENT_SEQUENCE, behind) if behind > 0 else now


def _confirm(tx: Tx, row: LedgerRow) -> int:
    """A document this store still has: along its own arrows, with the key the ledger names."""
    by, state = tx.who.operator_code, _state(tx, row.yj_id)
    if state is OutboxState.PENDING:
        lease = {"claimed_by": "recover", "lease_until": tx.at}
        move(tx.conn, row.yj_id, state, OutboxState.SENDING, at=tx.at, by=by, detail=RECOVERED, **lease)
        state = OutboxState.SENDING
    elif state is OutboxState.SENDING:
        move(tx.conn, row.yj_id, state, OutboxState.UNKNOWN, at=tx.at, by=by, detail=RECOVERED)
        state = OutboxState.UNKNOWN
    elif state is OutboxState.CONFLICT:
        decided = {"decision": "noted", "decided_at": tx.at, "decided_by": by, "note": RECOVERED,
                   "approver_code": tx.who.approver_code}  # fmt: skip
        open_item = (conflict.c.yj_id == row.yj_id, conflict.c.decision.is_(None))
        tx.conn.execute(update(conflict).where(*open_item).values(**decided))
    return move(
        tx.conn, row.yj_id, state, OutboxState.CONFIRMED, at=tx.at, by=by, detail=RECOVERED,
        central_key=row.central_key, last_error=None,
    )  # fmt: skip


def _other(tx: Tx, row: LedgerRow) -> int:
    """The same act, sent again by its page after the restore: the centre has it with other contents. To a person."""
    if _state(tx, row.yj_id) is not OutboxState.PENDING:
        return 0
    by = tx.who.operator_code
    lease = {"claimed_by": "recover", "lease_until": tx.at}
    move(tx.conn, row.yj_id, OutboxState.PENDING, OutboxState.SENDING, at=tx.at, by=by, detail=RECOVERED, **lease)
    move(tx.conn, row.yj_id, OutboxState.SENDING, OutboxState.CONFLICT, at=tx.at, by=by, detail=RECOVERED)
    here = tx.conn.execute(select(outbox).where(outbox.c.yj_id == row.yj_id)).mappings().one()
    names = ("yj_no", "entity", "amount", "receipt_no", "sequence", "payload_hash")
    local = {name: str(here[name]) for name in names}
    central = {name: str(getattr(row, name)) for name in names} | {"central_key": row.central_key}
    number = here["incident_no"]
    open_conflict(tx, number, "integrity_alarm", row.yj_id, yj_id=row.yj_id, local=local, central=central)
    return 1


def _state(tx: Tx, yj_id: str) -> OutboxState:
    return OutboxState(tx.conn.execute(select(outbox.c.state).where(outbox.c.yj_id == yj_id)).scalar_one())


def _renumber(tx: Tx, lost: Sequence[LedgerRow], last: int) -> int:
    """Documents made after the restore that carry a number of a lost one: their order stays, their number grows.

    The frozen payload keeps the number it was made with; only its place in the ledger is another.
    """
    taken = {row.sequence for row in lost}
    columns = (outbox.c.yj_id, outbox.c.sequence, outbox.c.state)
    mine = [
        row
        for row in tx.conn.execute(select(*columns).order_by(outbox.c.sequence))
        if row.sequence in taken and row.state not in (OutboxState.CONFIRMED.value, OutboxState.SETTLED.value)
    ]
    if not mine:
        return 0
    counters.take(tx.conn, counters.DOCUMENT_SEQUENCE, len(mine))
    for place, row in enumerate(mine, start=1):
        if row.state == OutboxState.SENDING.value:
            move(tx.conn, row.yj_id, OutboxState.SENDING, OutboxState.UNKNOWN, at=tx.at, by=tx.who.operator_code)
        tx.conn.execute(update(outbox).where(outbox.c.yj_id == row.yj_id).values(sequence=last + place))
    return len(mine)


def _note(tx: Tx, lost: Sequence[LedgerRow]) -> int:
    names = ("yj_id", "incident_no", "entity", "sequence", "payload_hash", "central_key", "amount", "operator_code",
             "receipt_no", "yj_no", "business_date")  # fmt: skip
    for row in lost:
        values = {name: getattr(row, name) for name in names}
        tx.conn.execute(insert(recovered).values(**values, recovered_at=tx.at))
    return len(lost)


# -- numbers on paper ----------------------------------------------------------------------------------------------


def _yj_numbers(tx: Tx, lost: Sequence[LedgerRow]) -> int:
    """Every workstation's counter of a day goes past the numbers the ledger has of it; returns how many moved."""
    greatest: dict[tuple[int, str], int] = {}
    for row in lost:
        told = _YJ_NO.fullmatch(row.yj_no)
        if told is None:
            continue
        year, month, day, station, number = (int(part) for part in told.groups())
        key = (station, date(2000 + year, month, day).isoformat())
        greatest[key] = max(greatest.get(key, 0), number)
    return sum(_advance(tx, station, day, number) for (station, day), number in sorted(greatest.items()))


def _advance(tx: Tx, station: int, day: str, number: int) -> int:
    code = tx.conn.execute(select(workstation.c.code).where(workstation.c.number == station)).scalar()
    if code is None:
        code = LOST_STATION.format(station)
        seen = {"first_seen_at": tx.at, "last_seen_at": tx.at}
        tx.conn.execute(insert(workstation).values(code=code, number=station, **seen))
    table = counters.yj_counter
    here = (table.c.workstation == code, table.c.business_date == day)
    now = tx.conn.execute(select(table.c.value).where(*here)).scalar()
    if now is None:
        tx.conn.execute(insert(table).values(workstation=code, business_date=day, value=number))
    elif now < number:
        tx.conn.execute(update(table).where(*here).values(value=number))
    return int(now is None or now < number)


def _receipts(tx: Tx, lost: Sequence[LedgerRow]) -> dict[str, Any]:
    """Receipt numbers of lost charges are gone for good, those skipped before them unknown, and the books go on after.

    `receipts_without_book` lists numbers of no book that this store or the mirror knows.
    """
    counts: dict[str, Any] = {"receipts": 0, "receipts_unknown": 0, "receipts_without_book": []}
    for row in sorted((row for row in lost if row.receipt_no), key=lambda row: (row.operator_code, row.sequence)):
        number = str(row.receipt_no)
        book = _book(tx, row, number)
        if book is None:
            counts["receipts_without_book"].append(number)
            continue
        value = int(number[len(book["prefix"]) :])
        counts["receipts"] += _gone(tx, book, value, number, row, "void", f"{RECOVERED}: {row.yj_no}")
        first = max(book["next_no"], value - SKIPPED_AT_MOST)
        for skipped in range(first, value):
            text = f"{book['prefix']}{skipped:0{book['width']}d}"
            counts["receipts_unknown"] += _gone(tx, book, skipped, text, row, "unknown", RECOVERED)
        if value >= book["next_no"]:
            table = cash.receipt_book
            tx.conn.execute(update(table).where(table.c.id == book["id"]).values(next_no=value + 1))
    return counts


def _book(tx: Tx, row: LedgerRow, number: str) -> dict[str, Any] | None:
    """The cashier's book that this number is of: our own, else the mirrored one, copied."""
    table = cash.receipt_book
    mine = select(table).where(table.c.operator_code == row.operator_code, table.c.source != "drill")
    for own in tx.conn.execute(mine).mappings():
        if _of(own, number):
            return dict(own)
    theirs = mirror.datasets["receipt_book"]
    for book in tx.conn.execute(select(theirs).where(theirs.c.operator_code == row.operator_code)).mappings():
        if not _of(book, number):
            continue
        values = {
            "operator_code": row.operator_code, "prefix": book["prefix"], "start_no": book["start_no"],
            "width": len(number) - len(book["prefix"]), "end_no": book["end_no"], "source": "mirror",
            "next_no": min(max(book["next_no"], book["start_no"]), book["end_no"] + 1),
            "incident_no": row.incident_no, "created_at": tx.at,
        }  # fmt: skip
        made = tx.conn.execute(insert(table).values(**values).returning(table.c.id)).scalar_one()
        return {**values, "id": int(made)}
    return None


def _of(book: Mapping[str, Any] | RowMapping, number: str) -> bool:
    digits = number[len(book["prefix"]) :]
    return number.startswith(book["prefix"]) and digits.isdigit() and book["start_no"] <= int(digits) <= book["end_no"]


def _gone(
    tx: Tx, book: Mapping[str, Any], value: int, number: str, row: LedgerRow, state: str, reason: str
) -> int:  # fmt: skip
    """A number nobody may use again; 0 if this store accounts for it already."""
    table = cash.receipt_number
    known = or_(table.c.receipt_no == number, (table.c.prefix == book["prefix"]) & (table.c.number == value))
    if tx.conn.execute(select(table.c.number).where(known)).first() is not None:
        return 0
    tx.conn.execute(
        insert(table).values(
            prefix=book["prefix"], number=value, receipt_no=number, book_id=book["id"], state=state, reason=reason,
            operator_code=row.operator_code, incident_no=row.incident_no, at=tx.at,
        )
    )  # fmt: skip
    return 1
