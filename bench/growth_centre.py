"""A centre that holds exactly what one store has confirmed, and answers from that store's own rows.

It stands where a real one would take as long as it takes: `spent` is what its answers cost, to be taken off.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from fallback_server.domain import money
from fallback_server.domain.clock import from_text
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.central.gateway import Applied, LedgerRow, Row

TIMED = ("charge", "registration", "prescription")
LINES = ("charge_line", "payment", "closing")


@dataclass
class Spent:
    """Seconds by the clock and of the processor."""

    clock: float = 0.0
    cpu: float = 0.0

    def less(self, other: Spent) -> Spent:
        """This without the other."""
        return Spent(self.clock - other.clock, self.cpu - other.cpu)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the block."""
        clock, cpu = time.perf_counter(), time.process_time()
        yield
        self.clock += time.perf_counter() - clock
        self.cpu += time.process_time() - cpu


@dataclass
class MirrorOfStore(FakeCentral):
    """Takes every document under the next key; confirmed ones of the store are what it shows."""

    store: Store | None = None
    spent: Spent = field(default_factory=Spent)
    given: int = 0

    def __post_init__(self) -> None:
        asked: dict[str, Callable[[Row], Sequence[Row]]] = {
            "verify/charge": lambda binds: [_charge(one) for one in self._within("charge", binds)],
            "verify/refund": lambda binds: [],
            "verify/registration": lambda binds: [_visit(one) for one in self._within("registration", binds)],
            "verify/prescription": lambda binds: [_paper(one) for one in self._within("prescription", binds)],
            "verify/charge_line": lambda binds: self._parts("lines", binds),
            "verify/payment": lambda binds: self._parts("payments", binds),
            "verify/closing": lambda binds: [_closing(one) for one in self._within("charge", binds)],
            "verify/count": self._counted,
        }
        self.answers.update(asked)
        self.moments: dict[str, list[int]] = {}
        self.places: dict[str, list[int]] = {}
        self.cents: dict[str, list[int]] = {}
        self._last: tuple[Any, list[Mapping[str, Any]]] = (None, [])

    # -- what the uploader and the account ask -------------------------------------------------------------------

    def apply(self, outgoing: Any, *, rehearse: bool = False) -> Applied:
        self.given += 1
        return Applied(f"A{self.given}")

    def ledger_head(self, installation_id: str) -> int:
        return 0

    def ledger_find(self, yj_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        return dict.fromkeys(yj_ids)  # type: ignore[return-value]  # only whether it is there is looked at

    def ledger_rows(self, installation_id: str, incident_no: int | None = None) -> Iterator[LedgerRow]:
        rows = self._ledger(installation_id)
        while True:
            with self.spent.running():
                row = next(rows, None)
            if row is None:
                return
            yield row

    def ask(self, name: str, binds: Row) -> Sequence[Row]:
        with self.spent.running():
            return list(self._answer(name, binds))

    # -- from the store's rows -----------------------------------------------------------------------------------

    def learn(self) -> None:
        """Look at the store's confirmed documents; to be called before an account."""
        for entity in TIMED:
            self.moments[entity], self.places[entity], self.cents[entity] = [], [], [0]
        with self._reading() as conn:
            columns = (outbox.c.entity, outbox.c.sequence, outbox.c.created_at, outbox.c.amount)
            for row in conn.execute(select(*columns).where(outbox.c.entity.in_(TIMED)).order_by(outbox.c.sequence)):
                self.moments[row.entity].append(int(from_text(row.created_at).timestamp()))
                self.places[row.entity].append(row.sequence)
                self.cents[row.entity].append(self.cents[row.entity][-1] + int(row.amount.scaleb(2)))

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        assert self.store is not None
        with self.store.reading() as tx:
            yield tx.conn

    def _ledger(self, installation_id: str) -> Iterator[LedgerRow]:
        last = 0
        while True:
            with self._reading() as conn:
                rows = conn.execute(
                    select(outbox)
                    .where(outbox.c.state == "confirmed", outbox.c.sequence > last)
                    .order_by(outbox.c.sequence)
                    .limit(1000)
                ).all()
            if not rows:
                return
            last = rows[-1].sequence
            yield from (_ledger_row(row, installation_id) for row in rows)

    def _within(self, entity: str, binds: Row) -> list[Mapping[str, Any]]:
        if self._last[0] == (entity, binds["since"], binds["until"]):
            return self._last[1]
        low, high = self._span(entity, binds)
        found: list[Mapping[str, Any]] = []
        if high > low:
            first, last = self.places[entity][low], self.places[entity][high - 1]
            columns = (outbox.c.yj_no, outbox.c.central_key, outbox.c.payload)
            with self._reading() as conn:
                rows = conn.execute(
                    select(*columns).where(outbox.c.entity == entity, outbox.c.sequence.between(first, last))
                ).all()
            found = [{**json.loads(row.payload), "yj_no": row.yj_no, "key": row.central_key} for row in rows]
        self._last = ((entity, binds["since"], binds["until"]), found)
        return found

    def _span(self, entity: str, binds: Row) -> tuple[int, int]:
        begin, end = (datetime.fromisoformat(str(binds[name])).timestamp() for name in ("since", "until"))
        return bisect_left(self.moments[entity], int(begin)), bisect_left(self.moments[entity], int(end))

    def _parts(self, name: str, binds: Row) -> list[Row]:
        return [{**part, "charge_key": one["key"]} for one in self._within("charge", binds) for part in one[name]]

    def _counted(self, binds: Row) -> list[Row]:
        found: list[Row] = []
        for entity in TIMED:
            low, high = self._span(entity, binds)
            cents = self.cents[entity][high] - self.cents[entity][low]
            found.append({"entity": entity, "documents": high - low, "total": format(cents / 100, ".2f")})
        return found


def _moment(one: Mapping[str, Any]) -> str:
    return str(one["occurred_at"])[:19].replace("T", " ")


def _row(one: Mapping[str, Any]) -> dict[str, Any]:
    person = one["refs"]["patient"]
    return {
        "central_key": one["key"], "yj_no": one["yj_no"], "patient_key": person["central_key"],
        "operator_code": one["operator_code"], "occurred_at": _moment(one), "total": one["total"],
    }  # fmt: skip


def _charge(one: Mapping[str, Any]) -> Row:
    return {**_row(one), "receipt_no": one["receipt_no"], "status": "charged"}


def _visit(one: Mapping[str, Any]) -> Row:
    return {**_row(one), "department_code": one["department_code"], "status": "waiting"}


def _paper(one: Mapping[str, Any]) -> Row:
    return {**_row(one), "department_code": one["department_code"], "status": "paid"}


def _closing(one: Mapping[str, Any]) -> Row:
    blank = dict.fromkeys(("closing_no", "closing_date", "closed_at"))
    return {"central_key": one["key"], "yj_no": one["yj_no"], "posting_date": one["business_date"], **blank}


def _ledger_row(row: Any, installation_id: str) -> LedgerRow:
    return LedgerRow(
        row.yj_id, row.entity, row.incident_no, installation_id, row.sequence, row.payload_hash, row.central_key,
        money.to_text(row.amount), row.operator_code, row.receipt_no, row.yj_no, row.business_date,
    )  # fmt: skip
