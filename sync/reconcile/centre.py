"""The centre's side of the account, read page by page from its own tables (`verify/*.sql`), not the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, func, select

from fallback_server.domain import money
from fallback_server.domain.clock import from_text, to_text
from fallback_server.store.outbox import outbox
from sync.central.gateway import CentralGateway, Row
from sync.reconcile.totals import Sums, no_sums

PAGE = 500  # documents of ours per page: what is held in memory at a time
MARGIN = timedelta(seconds=2)
EARLIER = timedelta(days=3)  # a paper prescription carries the time at which it was written


@dataclass
class CentralCharge:
    """One YJ charge or refund as the centre's tables show it."""

    key: str
    yj_no: str | None
    operator: str
    total: Decimal
    receipt_no: str | None
    original_key: str | None
    refund: bool
    row: Row = field(default_factory=dict)  # every column the mapping gives
    lines: list[Row] = field(default_factory=list)
    occurred_at: str | None = None
    by_method: Sums = field(default_factory=no_sums)
    by_category: Sums = field(default_factory=no_sums)

    def shown(self) -> dict[str, Any]:
        """The centre's version, for the list of differences."""
        return {
            "central_key": self.key, "yj_no": self.yj_no, "operator": self.operator,
            "total": money.to_text(self.total), "receipt_no": self.receipt_no,
        }  # fmt: skip


def pages(conn: Connection, incident_no: int, since: datetime, until: datetime) -> list[tuple[str, str]]:
    """The incident's period cut into half-open pieces with about PAGE documents of money each, ends included."""
    moments = conn.execute(
        select(outbox.c.created_at)
        .where(outbox.c.incident_no == incident_no, outbox.c.entity.in_(("charge", "refund")))
        .order_by(outbox.c.created_at)
    ).scalars()
    cuts = [since - MARGIN]
    for count, moment in enumerate(moments, start=1):
        cut = from_text(moment).replace(microsecond=0)
        if count % PAGE == 0 and cut > cuts[-1]:
            cuts.append(cut)
    cuts.append(until + MARGIN)
    return [(to_text(begin), to_text(end)) for begin, end in pairwise(cuts)]


def period(conn: Connection, incident: Row, now: datetime) -> tuple[datetime, datetime]:
    """From the switch to the last document: business time at the centre is the time of the act here.

    A clock that was set back in the outage gives documents from before the switch: the first one counts as well.
    """
    first, last = conn.execute(
        select(func.min(outbox.c.created_at), func.max(outbox.c.created_at)).where(
            outbox.c.incident_no == incident["incident_no"]
        )
    ).one()
    begins = [from_text(text) for text in (incident["opened_at"], first) if text]
    ends = [from_text(text) for text in (incident["ended_at"], last) if text]
    return min(begins), max(ends, default=now)


def charges(gateway: CentralGateway, spans: Sequence[tuple[str, str]]) -> Iterator[list[CentralCharge]]:
    """All YJ charges and refunds of the period, page by page, each key once."""
    seen: set[str] = set()
    for since, until in spans:
        binds = {"since": since, "until": until}
        found: dict[str, CentralCharge] = {}
        for name, refund in (("charge", False), ("refund", True)):
            for row in gateway.ask(f"verify/{name}", binds):
                one = _charge(row, refund)
                if one.key not in seen:
                    found[one.key] = one
        seen |= found.keys()
        for row in gateway.ask("verify/charge_line", binds):
            _count(found, row, "by_category", "receipt_category")
            if (owner := found.get(str(row["charge_key"]))) is not None:
                owner.lines.append(row)
        for row in gateway.ask("verify/payment", binds):
            _count(found, row, "by_method", "method")
        yield list(found.values())


def rows(gateway: CentralGateway, name: str, since: datetime, until: datetime) -> Iterator[list[Row]]:
    """The rows of verify/<name>.sql, a day at a time; nothing where the mapping has no such file."""
    if not gateway.has(f"verify/{name}"):
        return
    seen: set[str] = set()
    begin, end = since - EARLIER, until + MARGIN
    while begin < end:
        stop = min(begin + timedelta(days=1), end)
        binds = {"since": to_text(begin), "until": to_text(stop)}
        fresh = [row for row in gateway.ask(f"verify/{name}", binds) if str(row["central_key"]) not in seen]
        seen |= {str(row["central_key"]) for row in fresh}
        yield fresh
        begin = stop


def _charge(row: Row, refund: bool) -> CentralCharge:
    return CentralCharge(
        key=str(row["central_key"]),
        yj_no=_text(row.get("yj_no")),
        operator=_text(row.get("operator_code")) or "",
        total=_money(row["total"]),
        receipt_no=_text(row.get("receipt_no")),
        original_key=_text(row.get("original_key")),
        refund=refund,
        row=row,
        occurred_at=_text(row.get("occurred_at")),
    )


def _count(found: dict[str, CentralCharge], row: Row, sums: str, name: str) -> None:
    owner = found.get(str(row["charge_key"]))
    if owner is not None:
        into: defaultdict[str, Decimal] = getattr(owner, sums)
        into[_text(row[name]) or "other"] += _money(row["amount"])


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None


def _money(value: Any) -> Decimal:
    """The centre's amount with two decimals, half-up."""
    return money.round_cents(Decimal(str(value if value is not None else 0)))
