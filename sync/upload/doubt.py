"""Documents of which nobody knows whether they arrived: the centre is asked, or, where it cannot be, a person.

Arrows l, m, r of docs/states.md. Nothing leaves `unknown` on a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select

from fallback_server.domain.modes import Permit
from fallback_server.domain.outbox import OutboxState
from fallback_server.store.conflicts import open_conflict
from fallback_server.store.outbox import outbox
from fallback_server.store.outbox_moves import move
from fallback_server.store.session import Actor, Store, Tx, installation_id
from sync.central.gateway import (
    CentralError,
    CentralGateway,
    LedgerRow,
    OutcomeUnknown,
    Outgoing,
    Proof,
    Transient,
    Unreachable,
)
from sync.upload import patients, work

CHUNK: Final = 500
KIND: Final = "outcome_unknown"
Doubted = tuple[work.Item, work.Ready]


def resolve_unknown(store: Store, gateway: CentralGateway, actor: Actor) -> tuple[int, int, int]:
    """What became of every document in doubt. Returns (found there, to be sent again, put before a person).

    One found with other contents is not "there": sending it raises the alarm, with nothing written.
    """
    with store.reading() as tx:
        own = installation_id(tx.conn)
        waiting = select(outbox.c.yj_id).where(outbox.c.state == OutboxState.UNKNOWN.value)
        ids = list(tx.conn.execute(waiting.order_by(outbox.c.sequence)).scalars())
    found = again = asked = 0
    for start in range(0, len(ids), CHUNK):
        with store.reading() as tx:
            items = work.load(tx.conn, ids[start : start + CHUNK])
            doubted = work.prepare(tx.conn, items, own, need_keys=False)
        persons = [one for one in doubted if gateway.proof(one[0].entity) is Proof.PERSON]
        others = [one for one in doubted if gateway.proof(one[0].entity) is not Proof.PERSON]
        there = gateway.arrived([_row(one, own) for one in others])
        shown = {item.yj_id: shown_by(gateway, ready) for item, ready in persons}
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            for item, _ in others:
                if _settle(tx, item, there.get(item.yj_id), gateway.proof(item.entity)):
                    found += 1
                else:
                    again += 1
            asked += sum(_ask_a_person(tx, one, shown[one[0].yj_id]) for one in persons)
    return found, again, asked


def shown_by(gateway: CentralGateway, ready: work.Ready) -> dict[str, Any]:
    """What the centre shows under its number: evidence for a person, no proof. Raises what passes by itself."""
    if not isinstance(ready, Outgoing):
        return {}
    try:
        rows = [patients.plain(row) for row in gateway.evidence(ready)]
    except (Unreachable, OutcomeUnknown, Transient):
        raise
    except CentralError as unseen:
        return {"not_read": unseen.detail[:200]}
    return dict(rows[0]) if len(rows) == 1 else {"found": rows}


def park(tx: Tx, item: work.Item, code: str, payload: Mapping[str, Any], central: Mapping[str, Any]) -> None:
    """Put a document before a person, with both versions of it."""
    open_conflict(
        tx, item.row["incident_no"], code, item.yj_id,
        yj_id=item.yj_id, local=work.summary(payload), central=central,
    )  # fmt: skip


def _row(doubted: Doubted, own: str) -> LedgerRow:
    item, ready = doubted
    return ready.ledger if isinstance(ready, Outgoing) else work.ledger_row(item.row, own, None)


def _settle(tx: Tx, item: work.Item, there: LedgerRow | None, proof: Proof) -> bool:
    """Arrow l if it arrived, else m. Returns whether it did."""
    by = tx.who.operator_code
    if there is not None and there.payload_hash == item.row["payload_hash"]:
        said = "the ledger has it" if proof is Proof.LEDGER else "the centre has its number"
        return move(
            tx.conn, item.yj_id, OutboxState.UNKNOWN, OutboxState.CONFIRMED, at=tx.at, by=by, detail=said,
            central_key=there.central_key, last_error=None,
        )  # fmt: skip
    move(tx.conn, item.yj_id, OutboxState.UNKNOWN, OutboxState.PENDING, at=tx.at, by=by, detail=_NOT_THERE[proof])
    return False


def _ask_a_person(tx: Tx, doubted: Doubted, shown: Mapping[str, Any]) -> int:
    """Arrow r. Never sent again by itself: nothing at this centre would refuse it twice."""
    item, ready = doubted
    moved = move(
        tx.conn, item.yj_id, OutboxState.UNKNOWN, OutboxState.CONFLICT,
        at=tx.at, by=tx.who.operator_code, detail=KIND,
    )  # fmt: skip
    if moved:
        payload = ready.payload if isinstance(ready, Outgoing) else {"yj_no": item.row["yj_no"]}
        park(tx, item, KIND, payload, shown)
    return int(moved)


_NOT_THERE: Final[dict[Proof, str]] = {
    Proof.LEDGER: "the ledger does not have it",
    Proof.ASKED: "the centre does not have its number",
    Proof.REFUSED_TWICE: "its procedure refuses it twice",
}


def handfuls(gateway: CentralGateway, kinds: Mapping[str, str], together: int) -> list[list[str]]:
    """These documents (id → entity, in order) as they may be claimed together; at an empty one nothing stays claimed.

    A sender that dies leaves everything it claimed in doubt. Where only a person can settle that, it claims one by one,
    when everything before is confirmed, and is confirmed before anything else is claimed.
    """
    found: list[list[str]] = []
    apart = False
    for yj_id, entity in kinds.items():
        alone = gateway.proof(entity) is Proof.PERSON
        if alone or apart:
            found += [[], [yj_id]]
        elif found and len(found[-1]) < together:
            found[-1].append(yj_id)
        else:
            found.append([yj_id])
        apart = alone
    return found
