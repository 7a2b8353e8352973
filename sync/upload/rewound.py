"""Has the centre lost what it had? Asked before any write (1-system, A rewound centre).

Storage is lost and last night's backup comes back: rows the mirror saw are gone, keys are handed out again to other
children, even documents the ledger had confirmed have vanished.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, func, or_, select

from fallback_server.domain.clock import to_text
from fallback_server.domain.documents import canonical
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.outbox import OPEN_WORK, OutboxState
from fallback_server.store.conflicts import open_conflict, resolve
from fallback_server.store.mirror import dataset_state, datasets
from fallback_server.store.mode import incident, incident_event
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import conflict
from fallback_server.store.session import Actor, Store
from sync.central.gateway import CentralGateway, LedgerMode, Refused, Row
from sync.upload import traces

GREATEST: Final = "verify/greatest_key"
PATIENT: Final = "verify/patient_key"
SUBJECT: Final = "centre"
RECENT = timedelta(days=30)  # closed incidents are compared for as long
SAMPLE = 20  # newest mirrored patients, looked up beside those of waiting documents: are they still the same people?
CHUNK = 500
LISTED = 1000
KEYED: Final[dict[str, str]] = {
    "patient": "patient_no",
    "open_registration": "registration_key",
    "open_prescription": "prescription_key",
    "open_order": "order_key",
}

REFERRED: Final[dict[str, str]] = {
    "registration": "open_registration",
    "prescriptions": "open_prescription",
    "orders": "open_order",
}


_WHO: Final = ("patient_no", "name", "birth_date")
_ACCEPTED: Final = (conflict.c.kind == "rewound", conflict.c.decision.is_not(None))


@dataclass
class Loss:
    """What is gone: confirmed documents without their proof, and rows of the mirror without row at the centre."""

    vanished: list[dict[str, Any]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    greatest: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.vanished or self.lost)


def look(store: Store, gateway: CentralGateway) -> Loss:
    """Compare the centre with our confirmed documents and with the mirror; what was approved before is left out."""
    with store.reading() as tx:
        confirmed = list(_confirmed(tx.conn, to_text(tx.now - RECENT)))
        approved = _approved(tx.conn)
    loss = Loss(vanished=_vanished(store, gateway, confirmed))
    loss.greatest = _greatest(gateway)
    lost = [*_beyond(store, loss.greatest), *_other_people(store, gateway)]
    # As it was then: a key that was handed out again and is lost once more is another loss.
    loss.lost = [row for row in lost if _told(row) not in approved]
    return loss


def _vanished(store: Store, gateway: CentralGateway, confirmed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By our ledger at the centre; where there is none, by the centre's own tables."""
    if gateway.ledger_mode is not LedgerMode.SAME_TRANSACTION:
        return [dict(row) for row in traces.vanished(store, gateway, confirmed)]
    gone: list[dict[str, Any]] = []
    for start in range(0, len(confirmed), CHUNK):
        chunk = confirmed[start : start + CHUNK]
        there = gateway.ledger_find([row["yj_id"] for row in chunk])
        gone += [row for row in chunk if row["yj_id"] not in there]
    return gone


def report(store: Store, incident_no: int, loss: Loss, actor: Actor) -> None:
    """Put the loss before two people; `approve_rewound` is the way on."""
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        open_conflict(
            tx, incident_no, "rewound", SUBJECT,
            local={
                "vanished": loss.vanished, "lost": loss.lost[:LISTED], "lost_count": len(loss.lost),
                "beyond": [_short(row) for row in loss.lost[LISTED:]],
            },
            central={"greatest_keys": loss.greatest},
        )  # fmt: skip
        tx.audit("upload.rewound", subject=str(incident_no), vanished=len(loss.vanished), lost=len(loss.lost))


def approve_rewound(store: Store, incident_no: int, actor: Actor, note: str) -> int:
    """Two people accept the rewound centre: vanished documents go back to pending (arrow q). Returns how many.

    Raises conflict_not_found if nothing waits, second_person_required without `actor.approver_code`.
    """
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        row = tx.conn.execute(
            select(conflict.c.id, conflict.c.local).where(
                conflict.c.incident_no == incident_no, conflict.c.kind == "rewound", conflict.c.decision.is_(None)
            )
        ).first()
        if row is None:
            raise YjError("conflict_not_found")
        resolve(tx, row.id, "approve_rewound", note)
        return len(row.local.get("vanished", []))


def _confirmed(conn: Connection, since: str) -> Iterator[dict[str, Any]]:
    recent = select(incident.c.incident_no).where(or_(incident.c.closed_at.is_(None), incident.c.closed_at >= since))
    rows = conn.execute(
        select(outbox.c.yj_id, outbox.c.yj_no, outbox.c.entity, outbox.c.incident_no, outbox.c.central_key)
        .where(outbox.c.state == OutboxState.CONFIRMED.value, outbox.c.incident_no.in_(recent))
        .order_by(outbox.c.sequence)
    ).mappings()
    yield from (dict(row) for row in rows)


def _approved(conn: Connection) -> set[tuple[str, str, str]]:
    """Every approved loss of a row, with its contents."""
    return {
        _told(item)
        for local in conn.execute(select(conflict.c.local).where(*_ACCEPTED)).scalars()
        for item in _items(local)
    }


def _items(local: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from local.get("lost", ())
    yield from local.get("beyond", ())


def _told(item: Mapping[str, Any]) -> tuple[str, str, str]:
    return item["dataset"], item["key"], item.get("digest") or _digest(item["row"])


def _digest(row: Mapping[str, Any]) -> str:
    return hashlib.blake2b(canonical(row).encode(), digest_size=8).hexdigest()


def _short(item: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a row that no list shows: enough to know it, and for a patient who it was."""
    row = {name: item["row"][name] for name in _WHO} if item["dataset"] == "patient" else {}
    return {"dataset": item["dataset"], "key": item["key"], "row": row, "digest": _digest(item["row"])}


def _standing(conn: Connection) -> Iterator[dict[str, Any]]:
    """The lost rows of approvals that a document not yet sent may still speak of.

    The centre hands such keys out again: an outage whose mirror was read after the return was over means the new rows.
    """
    back = (
        select(func.min(incident_event.c.at))
        .where(incident_event.c.incident_no == conflict.c.incident_no, incident_event.c.kind == "reconciling")
        .scalar_subquery()
    )
    found = conn.execute(select(conflict.c.id, conflict.c.decided_at, back.label("back")).where(*_ACCEPTED)).all()
    for row in found:
        if row.back is None or _older_waits(conn, max(row.decided_at, row.back)):
            yield from _items(conn.execute(select(conflict.c.local).where(conflict.c.id == row.id)).scalar_one())


def _older_waits(conn: Connection, moment: str) -> bool:
    """Whether a document is not yet sent that was made on a mirror of before that moment."""
    waiting = [state.value for state in (*OPEN_WORK, OutboxState.CONFLICT)]
    # From the few outages to their documents, not from all that wait: it is asked at every claim.
    there = select(outbox.c.yj_id).where(outbox.c.incident_no == incident.c.incident_no, outbox.c.state.in_(waiting))
    one = select(incident.c.incident_no).where(~incident.c.drill, incident.c.generation_as_of <= moment, there.exists())
    return conn.execute(one.limit(1)).first() is not None


def _greatest(gateway: CentralGateway) -> dict[str, Any]:
    if not gateway.has(GREATEST):
        return {}
    return {str(row["dataset"]): str(row["greatest_key"] or "") for row in gateway.ask(GREATEST, {})}


def _beyond(store: Store, greatest: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Rows of the mirror whose key is above the greatest the centre has now: they cannot be there any more."""
    with store.reading() as tx:
        seen = {row.dataset: row.greatest_key for row in tx.conn.execute(select(dataset_state))}
        for dataset, highest in greatest.items():
            if dataset not in KEYED or not seen.get(dataset) or not _above(str(seen[dataset]), highest):
                continue
            table = datasets[dataset]
            key = table.c[KEYED[dataset]]
            # Unpadded digits: the longer one is the greater, whatever the column's collation.
            above = or_(func.length(key) > len(highest), and_(func.length(key) == len(highest), key > highest))
            for row in tx.conn.execute(select(table).where(above).order_by(func.length(key), key)).mappings():
                yield _lost(dataset, dict(row))


def _above(ours: str, theirs: str) -> bool:
    return (len(ours), ours) > (len(theirs), theirs)


def _other_people(store: Store, gateway: CentralGateway) -> Iterator[dict[str, Any]]:
    """Patients of the mirror that are gone, or whose key now belongs to somebody else: the newest ones, and all that
    waiting documents speak of."""
    if not gateway.has(PATIENT):
        return
    table = datasets["patient"]
    waiting = select(outbox.c.chain).where(outbox.c.state.in_([state.value for state in OPEN_WORK]))
    order = (func.length(table.c.patient_no).desc(), table.c.patient_no.desc())
    with store.reading() as tx:
        seen = [
            *tx.conn.execute(select(table).order_by(*order).limit(SAMPLE)).mappings(),
            *tx.conn.execute(select(table).where(table.c.id.in_(waiting)).order_by(*order)).mappings(),
        ]
    for row in {row["patient_no"]: dict(row) for row in seen}.values():
        if not _still_there(gateway, row):
            yield _lost("patient", row)


def lost_patients(conn: Connection) -> dict[str, Row]:
    """The patients of approved losses as the mirror knew them, by their key at the centre."""
    return {item["key"]: item["row"] for item in _standing(conn) if item["dataset"] == "patient"}


def require_same_patient(gateway: CentralGateway, payload: Row, lost: Mapping[str, Row]) -> None:
    """A remembered key of a lost patient is used only if it is that person's again. Raises Refused('patient_gone')."""
    patient = (payload.get("refs") or {}).get("patient") or {}
    known = lost.get(str(patient.get("central_key"))) if patient.get("origin") == "centre" else None
    if known is not None and not _still_there(gateway, known):
        raise Refused("patient_gone", "the rewound centre lost this patient, or gave the key to somebody else")


def lost_rows(conn: Connection) -> frozenset[tuple[str, str]]:
    """(dataset, key) of all other rows of approved losses: what has such a key now is somebody else's."""
    return frozenset((item["dataset"], item["key"]) for item in _standing(conn) if item["dataset"] != "patient")


def require_rows(payload: Row, lost: frozenset[tuple[str, str]]) -> None:
    """No document speaks of a row of the centre that the centre lost: its key is handed out again. Raises
    Refused('row_lost')."""
    for name, dataset in REFERRED.items():
        ref = (payload.get("refs") or {}).get(name)
        refs = [ref] if isinstance(ref, Mapping) else list(payload.get(name) or ()) if name.endswith("s") else []
        for one in refs:
            if one.get("origin") == "centre" and (dataset, str(one.get("central_key"))) in lost:
                raise Refused("row_lost", f"the rewound centre lost {dataset} {one['central_key']}", {"ref": name})


def _still_there(gateway: CentralGateway, ours: Row) -> bool:
    there = gateway.ask(PATIENT, {"key": ours["patient_no"]})
    return bool(there) and not _somebody_else(ours, there[0])


def _somebody_else(ours: Row, theirs: Row) -> bool:
    """Both name and birth date differ: a corrected spelling alone is not another child."""
    same_birth = str(ours["birth_date"] or "")[:10] == str(theirs.get("birth_date") or "")[:10]
    return ours["name"] != theirs.get("name") and not same_birth


def _lost(dataset: str, row: Row) -> dict[str, Any]:
    shown = {name: None if row[name] is None else str(row[name]) for name in row if name not in ("id", "row_hash")}
    return {"dataset": dataset, "key": str(row[KEYED[dataset]]), "row": shown}
