"""On which day the centre posts what happened here, and which day closing took it (`verify/closing.sql`).

The time of the act never changes. A document whose day the cashier had closed is posted to the first open day; such
documents are listed, and every charge under the closing that took it, or among those that none has taken yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from fallback_server.domain import money
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Store
from sync.central.gateway import CentralGateway, Row

CLOSING: Final = "verify/closing"
CHUNK: Final = 500


@dataclass
class Group:
    """The documents that one closing took, or that wait for one."""

    head: dict[str, Any]
    total: Decimal = money.ZERO
    yj_nos: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        return {**self.head, "documents": len(self.yj_nos), "amount": money.to_text(self.total), "yj_nos": self.yj_nos}


@dataclass
class Posting:
    """What is gathered page by page; it keeps our numbers, not the rows."""

    incident_no: int
    taken: dict[tuple[str, ...], Group] = field(default_factory=dict)
    waiting: dict[tuple[str, ...], Group] = field(default_factory=dict)
    moved: list[dict[str, Any]] = field(default_factory=list)

    def add(self, conn: Connection, rows: Sequence[Row]) -> None:
        """Rows of verify/closing.sql; those that are not this incident's are left to their own account."""
        by_key = {str(row["central_key"]): row for row in rows}
        found = conn.execute(
            select(
                outbox.c.yj_id, outbox.c.yj_no, outbox.c.central_key, outbox.c.operator_code, outbox.c.business_date,
                outbox.c.amount,
            )
            .where(outbox.c.central_key.in_(sorted(by_key)), outbox.c.entity.in_(("charge", "refund")))
            .where(outbox.c.incident_no == self.incident_no)
            .order_by(outbox.c.sequence)
        )  # fmt: skip
        for own in found:
            self._one(own, by_key[str(own.central_key)])

    def _one(self, own: Any, row: Row) -> None:
        posted = _day(row.get("posting_date")) or own.business_date
        closing = _text(row.get("closing_no"))
        if closing is not None:
            head = {
                "closing_no": closing, "operator": own.operator_code, "closing_date": _day(row.get("closing_date")),
                "closed_at": _text(row.get("closed_at")),
            }  # fmt: skip
            group = self.taken.setdefault((head["closing_date"] or "", own.operator_code, closing), Group(head))
        else:
            head = {"operator": own.operator_code, "posting_date": posted}
            group = self.waiting.setdefault((posted, own.operator_code), Group(head))
        group.total += own.amount
        group.yj_nos.append(own.yj_no)
        if posted > own.business_date:
            self.moved.append(
                {"yj_id": own.yj_id, "yj_no": own.yj_no, "operator": own.operator_code,
                 "business_date": own.business_date, "posting_date": posted, "amount": money.to_text(own.amount)}
            )  # fmt: skip

    def shown(self) -> dict[str, Any]:
        """`closings`, `not_yet` and `closed_period` (documents of a day that was closed when they arrived)."""
        return {
            "asked": True,
            "closings": [self.taken[key].shown() for key in sorted(self.taken)],
            "not_yet": [self.waiting[key].shown() for key in sorted(self.waiting)],
            "closed_period": sorted(self.moved, key=lambda one: str(one["yj_no"])),
        }


NOT_ASKED: Final[dict[str, Any]] = {"asked": False, "closings": [], "not_yet": [], "closed_period": []}


def read(store: Store, gateway: CentralGateway, incident_no: int, spans: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The posting of one incident's charges and refunds; NOT_ASKED where the mapping does not tell."""
    if not gateway.has(CLOSING):
        return dict(NOT_ASKED)
    posting, seen = Posting(incident_no), set[str]()
    for page in _pages(gateway, spans, seen):
        with store.reading() as tx:
            posting.add(tx.conn, page)
    return posting.shown()


def _pages(gateway: CentralGateway, spans: Sequence[tuple[str, str]], seen: set[str]) -> Iterator[list[Row]]:
    for since, until in spans:
        rows = [row for row in gateway.ask(CLOSING, {"since": since, "until": until})
                if str(row["central_key"]) not in seen]  # fmt: skip
        seen |= {str(row["central_key"]) for row in rows}
        for start in range(0, len(rows), CHUNK):
            yield rows[start : start + CHUNK]


def _day(value: Any) -> str | None:
    text = _text(value)
    return text[:10] if text else None


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None
