"""A test document: a charge as a cashier would make it, through the same acts, never kept.

It takes a receipt number of a book of its own, freezes its payload, chains its audit row, and is rolled back: no number
is used up and no document ever leaves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.exc import SQLAlchemyError

from fallback_server.acts import charges, patients
from fallback_server.acts.payments import PaymentIn
from fallback_server.domain import money
from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import new_ulid
from fallback_server.domain.policy import Policy
from fallback_server.store import cash, mirror, trial
from fallback_server.store.people import workstation
from fallback_server.store.session import Actor, Store, Tx

NAME: Final = "YJ-TRIAL"
YOUNG: Final = timedelta(seconds=trial.EVERY_SECONDS + 90)  # the worker looks every minute
WHO: Final = Actor(NAME, NAME, frozenset({"cashier"}), NAME)


@dataclass(frozen=True)
class Trial:
    """How it ended. `code` says why not: one of the catalogue of errors, or `store_broke`."""

    ok: bool
    code: str | None
    seconds: float


def run(store: Store, policy: Policy) -> Trial:
    """Try one, and remember how it ended. Raises what a store raises that cannot even remember.

    One that found the store busy is forgotten while the last one is good and young: the worker tries again within a
    minute, and only a store that is busy then as well is out of order.
    """
    begun, code = time.perf_counter(), None
    try:
        with store.trying(WHO) as tx:
            write(tx, policy)
    except YjError as error:
        code = error.code
    except SQLAlchemyError:
        code = "store_broke"
    done = Trial(code is None, code, time.perf_counter() - begun)
    if code != "busy" or not _good_and_young(store):
        trial.note(store, done.ok, done.code, done.seconds)
    return done


def _good_and_young(store: Store) -> bool:
    with store.reading() as tx:
        last = trial.last(tx.conn)
        if last is None or not last["ok"]:
            return False
        return timedelta() <= tx.now - from_text(last["at"]) < YOUNG


def write(tx: Tx, policy: Policy) -> dict[str, Any]:
    """The charge, in a transaction that the caller rolls back. Raises nothing_to_charge where nothing has a price."""
    item, person = _some_item(tx), _somebody(tx)
    line = charges.NewLine(
        source="item", source_id=None, source_line_id=None, item_code=item["item_code"], name=item["name"], spec=None,
        unit=item["unit"], unit_price=item["unit_price"], quantity=1, amount=money.line_amount(item["unit_price"], 1),
        receipt_category=item["receipt_category"],
    )  # fmt: skip
    _sit_down(tx)
    if policy.receipt_preprinted:
        tx.conn.execute(cash.receipt_book.insert().values(**_book(tx)))
    methods = policy.payment_methods
    method: Any = "cash" if "cash" in methods else sorted(methods)[0]
    paid = PaymentIn(method=method, amount=line.amount, reference=None if method == "cash" else NAME)
    return charges.write(
        tx, policy, charge_id=new_ulid(tx.now), kind="outpatient", patient=patients.get(tx, person), visit_ref=None,
        department_code=None, lines=[line], payments=[paid], receipt_no=None, expected_total=line.amount,
    )  # fmt: skip


def _some_item(tx: Tx) -> dict[str, Any]:
    table = mirror.datasets["fee_item"]
    priced: Select[Any] = select(table).where(table.c.active.is_(True), table.c.unit_price >= 1)
    row = tx.conn.execute(priced.order_by(table.c.item_code).limit(1)).mappings().first()
    if row is None:
        raise YjError("nothing_to_charge")
    return dict(row)


def _somebody(tx: Tx) -> str:
    table = mirror.datasets["patient"]
    found = tx.conn.execute(select(table.c.id).where(table.c.active.is_(True)).limit(1)).scalar()
    if found is None:
        raise YjError("patient_not_found")
    return str(found)


def _sit_down(tx: Tx) -> None:
    """A computer of its own; where all numbers are given away, any other lends its name."""
    taken = set(tx.conn.execute(select(workstation.c.number)).scalars())
    number = next((n for n in range(999, 0, -1) if n not in taken), None)
    if number is None:
        lent = tx.conn.execute(select(workstation.c.code).limit(1)).scalar_one()
        tx.actor = replace(tx.who, workstation=str(lent))
        return
    row = {"code": NAME, "number": number, "first_seen_at": tx.at, "last_seen_at": tx.at}
    tx.conn.execute(workstation.insert().values(**row))


def _book(tx: Tx) -> dict[str, Any]:
    # With an id of its own: PostgreSQL's sequence would not be rolled back.
    return {
        "id": 0, "operator_code": NAME, "prefix": NAME, "width": 8, "start_no": 1, "end_no": 1, "next_no": 1,
        "source": "issued", "incident_no": 0, "created_at": tx.at,
    }  # fmt: skip
