"""Layer 2: which documents are on one side only, found by counting halves and halves of halves (`verify/count.sql`).

A period in which both sides count the same documents and the same money is not read. So a period of ten thousand
documents with one too few costs some ten counts and one short list. The lists are the ids of both sides, both ways.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from fallback_server.domain import money
from fallback_server.domain.clock import from_text, to_text
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import recovered
from fallback_server.store.session import Store
from sync.central.gateway import CentralGateway
from sync.reconcile.match import Difference

COUNT: Final = "verify/count"
ENTITIES: Final = ("registration", "prescription", "order", "charge", "refund")
SUMMED: Final = ("charge", "refund")
LEAF: Final = 32  # so few documents are read rather than counted again
CHUNK: Final = 500
MOST_QUESTIONS: Final = 2_000  # then the rest is read: a mapping that counts otherwise must not ask for ever


Counts = dict[str, tuple[int, int]]
"""By entity: how many documents, and what they come to in cents."""


@dataclass
class Side:
    """What we expect at the centre of one entity: when, and the sums up to then. Sixteen bytes a document."""

    seconds: array[int] = field(default_factory=lambda: array("q"))
    cents: array[int] = field(default_factory=lambda: array("q", [0]))

    def add(self, second: int, amount: int) -> None:
        """The next one in order of time."""
        self.seconds.append(second)
        self.cents.append(self.cents[-1] + amount)

    def within(self, begin: int, end: int) -> tuple[int, int]:
        """(how many, what they come to) from `begin` up to `end`."""
        low, high = bisect_left(self.seconds, begin), bisect_left(self.seconds, end)
        return high - low, self.cents[high] - self.cents[low]

    def middle(self, begin: int, end: int) -> int:
        """The second that leaves as many documents before as behind it, or the middle of an empty piece."""
        low, high = bisect_left(self.seconds, begin), bisect_left(self.seconds, end)
        median = self.seconds[(low + high) // 2] if high > low else begin
        return median if begin < median < end else (begin + end) // 2


@dataclass
class IdSets:
    """The comparison of one incident. `questions` and `rows` say what it cost."""

    store: Store
    gateway: CentralGateway
    incident_no: int
    linked: set[str]
    questions: int = 0
    rows: int = 0
    compared: int = 0
    here: dict[str, set[str]] = field(default_factory=dict)  # central keys that only we have, so far
    there: dict[str, dict[str, str]] = field(default_factory=dict)  # that only the centre has: key, our number on it
    zone: tzinfo | None = None

    def compare(self, since: datetime, until: datetime) -> list[tuple[str, str, str]]:
        """(entity, central key, side) of every document that one side alone has; side is `here` or `there`."""
        names = [name for name in ENTITIES if self.gateway.has(f"verify/{name}")]
        if not self.gateway.has(COUNT):
            return []
        with self.store.reading() as tx:
            sides = {name: self._expected(tx.conn, name) for name in names}
        self.compared = sum(len(side.seconds) for side in sides.values())
        self.zone = since.tzinfo
        begin, end = int(since.timestamp()), int(until.timestamp()) + 1
        self._halve(sides, begin, end, names, self._counts(begin, end))
        return list(self._only_one_side())

    def _expected(self, conn: Connection, entity: str) -> Side:
        side = Side()
        rows = conn.execute(
            select(outbox.c.yj_id, outbox.c.created_at, outbox.c.amount)
            .where(*self._mine(entity))
            .order_by(outbox.c.created_at)
            .execution_options(yield_per=CHUNK)
        )
        for row in rows:
            if row.yj_id not in self.linked:
                cents = int(row.amount.scaleb(2)) if entity in SUMMED else 0
                side.add(int(from_text(row.created_at).timestamp()), cents)
        return side

    def _mine(self, entity: str) -> tuple[Any, ...]:
        return (
            outbox.c.incident_no == self.incident_no, outbox.c.entity == entity, outbox.c.state == "confirmed",
            outbox.c.central_key.is_not(None),
        )  # fmt: skip

    def _halve(self, sides: dict[str, Side], begin: int, end: int, names: Sequence[str], counted: Counts) -> None:
        """Read a piece in which few documents are; halve it otherwise. The second half is what the first leaves."""
        differing = []
        for name in names:
            ours, theirs = sides[name].within(begin, end), counted.get(name, (0, 0))
            if ours[0] != theirs[0] or (name in SUMMED and ours[1] != theirs[1]):
                few = max(ours[0], theirs[0]) <= LEAF or end - begin <= 1 or self.questions >= MOST_QUESTIONS
                if few:
                    self._read(name, begin, end)
                else:
                    differing.append(name)
        if differing:
            middle = sides[differing[0]].middle(begin, end)
            first = self._counts(begin, middle)
            rest = {name: _less(counted.get(name, (0, 0)), first.get(name, (0, 0))) for name in differing}
            self._halve(sides, begin, middle, differing, first)
            self._halve(sides, middle, end, differing, rest)

    def _counts(self, begin: int, end: int) -> Counts:
        self.questions += 1
        rows = self.gateway.ask(COUNT, self._binds(begin, end))
        return {str(row["entity"]).strip(): (int(row["documents"]), _cents(row.get("total"))) for row in rows}

    def _read(self, entity: str, begin: int, end: int) -> None:
        there = {
            str(row["central_key"]): str(row.get("yj_no") or "")
            for row in self.gateway.ask(f"verify/{entity}", self._binds(begin, end))
        }
        self.rows += len(there)
        first, last = (to_text(self._moment(second)) for second in (begin, end))
        with self.store.reading() as tx:
            rows = tx.conn.execute(
                select(outbox.c.yj_id, outbox.c.central_key).where(
                    *self._mine(entity), outbox.c.created_at >= first, outbox.c.created_at < last
                )
            ).all()
        here = {str(row.central_key) for row in rows if row.yj_id not in self.linked}
        self.here.setdefault(entity, set()).update(here - there.keys())
        self.there.setdefault(entity, {}).update({key: no for key, no in there.items() if key not in here})

    def _only_one_side(self) -> Iterator[tuple[str, str, str]]:
        """A row whose time was moved is missing in one piece and too many in another: it is on both sides."""
        for entity in ENTITIES:
            here, there = self.here.get(entity, set()), self.there.get(entity, {})
            yield from ((entity, key, "here") for key in sorted(here - there.keys()))
            extra = {key: no for key, no in there.items() if key not in here}
            yield from ((entity, key, "there") for key in sorted(extra.keys() - self._others(entity, extra)))

    def _others(self, entity: str, extra: dict[str, str]) -> set[str]:
        """Keys that belong to another incident's account, or that this store lost when it was restored."""
        found: set[str] = set()
        keys = sorted(extra)
        with self.store.reading() as tx:
            for start in range(0, len(keys), CHUNK):
                chunk = keys[start : start + CHUNK]
                for table in (outbox, recovered):
                    rows = tx.conn.execute(
                        select(table.c.central_key, table.c.incident_no).where(
                            table.c.central_key.in_(chunk), table.c.entity == entity
                        )
                    )
                    other = {str(row.central_key) for row in rows if table is recovered or row[1] != self.incident_no}
                    found |= other
        return found

    def _binds(self, begin: int, end: int) -> dict[str, str]:
        return {"since": to_text(self._moment(begin)), "until": to_text(self._moment(end))}

    def _moment(self, second: int) -> datetime:
        return datetime.fromtimestamp(second, self.zone)


def unnamed(found: Iterable[tuple[str, str, str]], named: set[str]) -> Iterator[Difference]:
    """What the counting found and the reading of all rows did not: then a question of the mapping is wrong."""
    for entity, key, side in found:
        if key not in named:
            local, central = {"entity": entity}, {"entity": entity}
            yield Difference("counted", f"{entity}:{key}", None, key, local if side == "here" else {},
                             central if side == "there" else {})  # fmt: skip


def _less(whole: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
    return whole[0] - part[0], whole[1] - part[1]


def _cents(value: Any) -> int:
    return int(money.round_cents(Decimal(str(value or 0))).scaleb(2))
