"""One look at the centre for the lists of the time after the return; the worker repeats it while anything is open.

Nothing here is needed for the documents: what the mapping does not offer stays a list for people, and what cannot be
asked now is asked at the next look. Every statement may be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, insert, update

from fallback_server.domain.modes import Mode, ModeState, Permit
from fallback_server.store import after_lists, master_lists
from fallback_server.store.after import dispense_watch, queue_handback
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.session import Actor, Store, Tx
from sync.central.gateway import CentralGateway, Refused, Row

DISPENSED: Final = "after/dispensed"
QUEUE: Final = "after/queue_"  # and the state: seen, called, paused, absent
AT_ONCE: Final = 300  # prescriptions asked about in one look, those asked longest ago first
FINISHED: Final = frozenset({"dispensed", "void"})
STATES: Final = frozenset({"open", *FINISHED})
_SYSTEM: Final = Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)


@dataclass
class Look:
    """What a look did: prescriptions asked about, of them newly done, states handed back and refused."""

    asked: int = 0
    done: int = 0
    handed_back: int = 0
    refused: int = 0
    masters_ended: int = 0


def look(store: Store, gateway: CentralGateway, *, at_once: int = AT_ONCE) -> Look:
    """Ask and tell what is open. Raises Unreachable and the like; what was answered before that is kept.

    While the whole hospital is in YJ nothing is asked: the centre is away, or not to be trusted.
    """
    found = Look()
    with store.reading() as tx:
        if _away(tx.mode):
            return found
        drugs = after_lists.to_dispense(tx.conn)
        keys = after_lists.keys_of_prescriptions(tx.conn, drugs)
        hall = after_lists.to_hand_back(tx.conn, tx.today)
        ended = master_lists.answered(tx.conn)
    if ended:
        with store.writing(Permit.HOUSEKEEPING, _SYSTEM) as tx:
            found.masters_ended = master_lists.end_answered(tx)
    _watch(store, gateway, [one for one in drugs if one["prescription_id"] in keys], keys, at_once, found)
    _hand_back(store, gateway, hall, found)
    return found


def _away(mode: ModeState) -> bool:
    return mode.mode is Mode.EMERGENCY and not mode.drill and mode.scope is None


# --- drugs -----------------------------------------------------------------------------------------------------------


def _watch(
    store: Store, gateway: CentralGateway, items: Sequence[Row], keys: Mapping[str, str], at_once: int, found: Look
) -> None:
    if not gateway.has(DISPENSED):
        return
    longest_ago = sorted(items, key=lambda item: item["asked_at"] or "")[:at_once]
    answers: list[tuple[str, dict[str, Any]]] = []
    try:
        for item in longest_ago:
            number = item["prescription_id"]
            answers.append((number, _asked(gateway, keys[number])))
    finally:
        if answers:
            with store.writing(Permit.HOUSEKEEPING, _SYSTEM) as tx:
                for number, answer in answers:
                    found.asked += 1
                    found.done += _noted(tx, number, keys[number], answer)


def _asked(gateway: CentralGateway, key: str) -> dict[str, Any]:
    """The centre's word on one prescription; a row that is not there is `missing`, one it cannot give raises."""
    rows = gateway.ask(DISPENSED, {"prescription_key": key})
    if not rows:
        return {"status": "missing"}
    row = rows[0]
    status = str(row.get("status") or "").strip()
    told = {name: str(row.get(name) or "").strip() or None for name in ("dispensed_at", "dispensed_by")}
    return {"status": status if status in STATES else "open", **told}


def _noted(tx: Tx, prescription_id: str, key: str, answer: Mapping[str, Any]) -> bool:
    """Write down what was said; whether it is done now."""
    done = answer["status"] in FINISHED
    values = {**answer, "central_key": key, "asked_at": tx.at}
    if done:
        values |= {"done_at": tx.at, "done_by": SYSTEM_OPERATOR}
    here = dispense_watch.c.prescription_id == prescription_id
    if not tx.conn.execute(update(dispense_watch).where(here).values(**values)).rowcount:
        tx.conn.execute(insert(dispense_watch).values(prescription_id=prescription_id, **values))
    if done:
        tx.audit("after.dispensed", subject=prescription_id, status=answer["status"], central_key=key)
    return done


# --- the hall --------------------------------------------------------------------------------------------------------


def _hand_back(store: Store, gateway: CentralGateway, items: Sequence[Row], found: Look) -> None:
    for item in items:
        statement = QUEUE + str(item["status"])
        # A visit that stands before another door is a nurse's: the state alone would call the patient to the wrong one.
        if item["how"] == "refused" or item["moved"] or not item["central_key"] or not gateway.has(statement):
            continue
        binds = {
            "registration_key": item["central_key"], "yj_no": item["yj_no"], "department_code": item["department_code"],
            "staff_code": item["staff_code"], "changed_at": item["changed_at"], "changed_by": item["changed_by"],
        }  # fmt: skip
        try:
            taken, why = bool(gateway.tell(statement, binds)), "the centre's row did not fit"
        except Refused as error:
            taken, why = False, error.detail
        with store.writing(Permit.HOUSEKEEPING, _SYSTEM) as tx:
            handed_back(tx, item, "written" if taken else "refused", None if taken else why[:200])
        found.handed_back += taken
        found.refused += not taken


def handed_back(tx: Tx, item: Row, how: str, note: str | None) -> None:
    """Note that the state of a visit was told, or not taken."""
    one = item["registration_id"]
    tx.conn.execute(delete(queue_handback).where(queue_handback.c.registration_id == one))
    row = {
        "registration_id": one, "status": item["status"], "moved_at": item["changed_at"], "how": how, "at": tx.at,
        "operator_code": tx.who.operator_code, "note": note,
    }  # fmt: skip
    tx.conn.execute(insert(queue_handback).values(**row))
    tx.audit("after.hand_back", subject=one, ok=how != "refused", status=item["status"], how=how)
