"""This standby came back from a backup: the centre's ledger has documents of ours that this store never saw (U11).

Two people look at what the centre has; then what this store still has is confirmed with its central keys, what it lost
is noted in `recovered`, every counter jumps past what the centre saw, and the incidents get new epochs, so that a twin
that still runs on the lost disk is refused. Nothing at the centre is sent again, nothing here is dropped in silence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, func, select

from fallback_server.domain import money
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import backup_rows
from fallback_server.store.conflicts import open_conflict, resolve
from fallback_server.store.locks import single_instance
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import conflict, recovered
from fallback_server.store.session import Actor, Store, installation_id
from sync.central.gateway import CentralGateway, LedgerMode, LedgerRow
from sync.upload import recover_store, traces
from sync.upload.choose import choose_incident

KIND: Final = "ledger_ahead"
SUBJECT: Final = "ledger"
LOCK: Final = "upload"
LISTED: Final = 1000
_SENT: Final = ("confirmed", "settled")


@dataclass(frozen=True)
class Ahead:
    """What the ledger has of this installation and this store does not, and what follows from it."""

    head: int
    here: int
    lost: tuple[LedgerRow, ...] = ()
    known: tuple[LedgerRow, ...] = ()  # here, not yet confirmed, and the ledger has it with the same contents
    other_contents: tuple[LedgerRow, ...] = ()  # the same identity with other contents: never sent, a person looks
    gaps: tuple[int, ...] = ()  # sequence numbers neither here nor there: acts that were lost for good

    @property
    def digest(self) -> str:
        """What two people approve: if the ledger goes on, they are asked again."""
        told = "\n".join(f"{row.yj_id} {row.payload_hash}" for row in self.lost) + f"\n{self.head}"
        return hashlib.sha256(told.encode()).hexdigest()

    def shown(self) -> dict[str, Any]:
        """Count and sum by entity, first and last number, and the documents themselves (the first thousand)."""
        entities: dict[str, dict[str, Any]] = {}
        for row in self.lost:
            one = entities.setdefault(row.entity, {"documents": 0, "amount": Decimal(0)})
            one["documents"] += 1
            one["amount"] += Decimal(row.amount)
        numbers = sorted(row.yj_no for row in self.lost)
        return {
            "ledger_head": self.head,
            "own_head": self.here,
            "documents": len(self.lost),
            "amount": money.to_text(sum((Decimal(row.amount) for row in self.lost), Decimal(0))),
            "entities": {
                name: {**one, "amount": money.to_text(one["amount"])} for name, one in sorted(entities.items())
            },
            "first_yj_no": numbers[0] if numbers else None,
            "last_yj_no": numbers[-1] if numbers else None,
            "incidents": sorted({row.incident_no for row in self.lost}),
            "confirmed_by_it": len(self.known),
            "other_contents": [row.yj_no for row in self.other_contents],
            "never_arrived": len(self.gaps),
            "never_arrived_sequences": list(self.gaps[:LISTED]),
            "digest": self.digest,
            "lost": [_line(row) for row in self.lost[:LISTED]],
        }


@dataclass
class Recovery:
    """What was done."""

    incident_no: int
    found: dict[str, Any] = field(default_factory=dict)
    done: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data, for `--json`."""
        return asdict(self)


def look(store: Store, gateway: CentralGateway, incident_no: int | None) -> Ahead | None:
    """None while the ledger, or what stands for it at the centre, has nothing of ours that this store does not know.

    A greater head is seen at once; rows behind the head, which a store shows that took new documents after it was
    restored, are looked for in the incident at hand, or in all without one. Where there is no ledger, an incident that
    this store does not know leaves no trace that it could ask for.
    """
    with store.reading() as tx:
        own, here = installation_id(tx.conn), recover_store.head(tx.conn)
    if gateway.ledger_mode is not LedgerMode.SAME_TRANSACTION:
        if incident_no is None:
            return None
        lost = [replace(row, sequence=here + row.sequence) for row in traces.strangers(store, gateway, incident_no)]
        return Ahead(here + len(lost), here, tuple(lost)) if lost else None
    head = gateway.ledger_head(own)
    if head <= here and not _any_unknown(store, gateway.ledger_rows(own, incident_no)):
        return None
    rows = list(gateway.ledger_rows(own))
    with store.reading() as tx:
        documents = {
            row.yj_id: (row.payload_hash, row.state)
            for row in tx.conn.execute(select(outbox.c.yj_id, outbox.c.payload_hash, outbox.c.state))
        }
        noted = set(tx.conn.execute(select(recovered.c.yj_id)).scalars())
        taken = set(tx.conn.execute(select(outbox.c.sequence)).scalars())
    unknown = tuple(row for row in rows if row.yj_id not in documents and row.yj_id not in noted)
    there = [row for row in rows if row.yj_id in documents]
    taken |= {row.sequence for row in rows}
    return Ahead(
        head,
        here,
        unknown,
        tuple(row for row in there if _unconfirmed(row, documents)),
        tuple(row for row in there if documents[row.yj_id][0] != row.payload_hash),
        tuple(number for number in range(1, head + 1) if number not in taken),
    )


def report(store: Store, incident_no: int, ahead: Ahead, actor: Actor) -> None:
    """Put it before two people; `recover` is the way on."""
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        open_conflict(tx, incident_no, KIND, SUBJECT, local={"own_head": ahead.here}, central=ahead.shown())
        tx.audit("upload.ledger_ahead", subject=str(incident_no), head=ahead.head, own=ahead.here, lost=len(ahead.lost))


def approved(conn: Connection, ahead: Ahead) -> Actor | None:
    """The person who approved exactly this, with the second one; or None."""
    rows = conn.execute(
        select(conflict.c.central, conflict.c.decided_by, conflict.c.approver_code)
        .where(conflict.c.kind == KIND, conflict.c.decision == "recover")
        .order_by(conflict.c.id.desc())
    )
    row = next((row for row in rows if row.central.get("digest") == ahead.digest), None)
    return None if row is None else Actor(row.decided_by, row.decided_by, approver_code=row.approver_code)


def carry_out(store: Store, gateway: CentralGateway, ahead: Ahead, actor: Actor) -> dict[str, Any]:
    """What was approved: the fence at the centre first, then everything here in one transaction. Repeating is harmless.

    Returns counts of what was confirmed, noted, moved on.
    """
    _require_no_outage(store)
    with store.reading() as tx:
        own = installation_id(tx.conn)
    there = [one for one in gateway.known_incidents() if one.installation_id == own]
    with store.reading() as tx:
        epochs = recover_store.new_epochs(tx, there, {row.incident_no for row in ahead.lost})
    for number, epoch in epochs.items():
        if any(one.incident_no == number for one in there):
            gateway.renew_fence(own, number, epoch)
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        done = recover_store.enter(tx, ahead, there, epochs)
        backup_rows.recovered_now(tx)
        tx.audit("upload.recover", subject=str(ahead.head), **done)
    return done


def recover(
    store: Store, gateway: CentralGateway, incident_no: int | None, actor: Actor | None, note: str = ""
) -> Recovery | None:
    """Look, and with `actor` (who brings the second person along) decide and carry out. None: nothing to recover.

    Where a backup was restored and nothing is lost, two people still say so: that lifts the fence.
    Waits for a running upload. Raises what `choose_incident` and `resolve` raise, wrong_state before anything is
    written (in an outage, or where a lost number is here another incident's), and the port's errors.
    """
    with single_instance(store.url, LOCK):
        chosen = choose_incident(store, incident_no)
        ahead = look(store, gateway, None if chosen is None else int(chosen["incident_no"]))
        if ahead is None:
            _nothing_lost(store, actor, note)
            return None
        number = max(row.incident_no for row in ahead.lost) if chosen is None else int(chosen["incident_no"])
        found = Recovery(number, ahead.shown())
        if actor is not None:
            _require_two(actor)
            _require_no_outage(store)
            if chosen is None:
                _make_known(store, gateway, ahead, actor)
            report(store, number, ahead, actor)
            _decide(store, number, actor, note)
            found.done = carry_out(store, gateway, ahead, actor)
        return found


def _make_known(store: Store, gateway: CentralGateway, ahead: Ahead, actor: Actor) -> None:
    """Rows for incidents that only the centre knows: what two people decide belongs to one of them."""
    with store.reading() as tx:
        own = installation_id(tx.conn)
    lost = {row.incident_no for row in ahead.lost}
    there = {
        one.incident_no: one
        for one in gateway.known_incidents()
        if one.installation_id == own and one.incident_no in lost
    }
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        _require_free(tx.conn, lost)
        epochs = recover_store.new_epochs(tx, list(there.values()), lost)
        recover_store.enter_incidents(tx, there, epochs)


def _require_free(conn: Connection, lost: set[int]) -> None:
    """A number was given to a drill, or to an outage that is closed, after the restore: its documents are not ours."""
    mine = select(incident.c.incident_no, incident.c.drill).where(incident.c.incident_no.in_(lost))
    taken = conn.execute(mine.where(incident.c.drill | (incident.c.state == "closed"))).first()
    if taken is not None:
        current = f"incident {taken.incident_no} here is {'a drill' if taken.drill else 'closed'}"
        raise YjError("wrong_state", current=current, wanted="recover")


def _require_no_outage(store: Store) -> None:
    with store.reading() as tx:
        if tx.mode.mode == "emergency" and not tx.mode.drill:
            raise YjError("wrong_state", current="emergency", wanted="recover")


def _require_two(actor: Actor) -> None:
    """The act `rewound` of domain.two_persons: always two, whatever a hospital configures."""
    if actor.approver_code in (None, "", actor.operator_code):
        raise YjError("second_person_required")


def _nothing_lost(store: Store, actor: Actor | None, note: str) -> None:
    """The ledger has nothing that this store lost. After a restore that is for two people to see."""
    if actor is None:
        return
    with store.reading() as tx:
        if backup_rows.unrecovered(tx.conn) is None:
            return
    _require_two(actor)
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        backup_rows.recovered_now(tx)
        tx.audit("upload.recover", subject="0", lost=0, note=note)


def _decide(store: Store, incident_no: int, actor: Actor, note: str) -> None:
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        waiting = tx.conn.execute(
            select(conflict.c.id).where(
                conflict.c.incident_no == incident_no, conflict.c.kind == KIND, conflict.c.decision.is_(None)
            )
        ).scalar_one()
        resolve(tx, waiting, "recover", note)


def _any_unknown(store: Store, rows: Iterable[LedgerRow]) -> bool:
    ids = [row.yj_id for row in rows]
    with store.reading() as tx:
        for start in range(0, len(ids), 500):
            chunk = ids[start : start + 500]
            here = sum(
                int(tx.conn.execute(select(func.count()).where(table.c.yj_id.in_(chunk))).scalar_one())
                for table in (outbox, recovered)
            )
            if here != len(chunk):
                return True
    return False


def _unconfirmed(row: LedgerRow, documents: Mapping[str, tuple[str, str]]) -> bool:
    digest, state = documents[row.yj_id]
    return digest == row.payload_hash and state not in _SENT


def _line(row: LedgerRow) -> dict[str, Any]:
    names = ("yj_id", "yj_no", "entity", "incident_no", "sequence", "central_key", "amount", "operator_code",
             "receipt_no", "business_date")  # fmt: skip
    return {name: getattr(row, name) for name in names}
