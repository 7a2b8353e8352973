"""Layer 4: number by number, each receipt book is continuous: used + void + unknown + missing = the range touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, func, select

from fallback_server.store.cash import receipt_book, receipt_number
from fallback_server.store.returning import blind_row
from sync.reconcile.match import Difference


@dataclass
class Numbers:
    """The numbers of one book, or of all books of one cashier."""

    first: str | None = None
    last: str | None = None
    used: int = 0
    void: int = 0
    unknown: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, other: Numbers) -> None:
        """Another book of the same cashier."""
        self.first, self.last = self.first or other.first, other.last
        self.used, self.void = self.used + other.used, self.void + other.void
        self.unknown, self.missing = self.unknown + other.unknown, self.missing + other.missing

    def shown(self) -> dict[str, Any]:
        """As the contract names them."""
        return {
            "from": self.first, "to": self.last, "used": self.used, "void": self.void,
            "unknown": len(self.unknown), "missing": len(self.missing),
            "unknown_numbers": self.unknown, "missing_numbers": self.missing,
        }  # fmt: skip


@dataclass
class Book:
    """One book with what became of the numbers this incident touched."""

    operator: str
    prefix: str
    start: str
    end: str
    range: int
    numbers: Numbers
    doubled: list[str] = field(default_factory=list)

    @property
    def continuous(self) -> bool:
        """Nothing is missing, unknown or doubled, and the counts are the range."""
        own = self.numbers
        return not (own.unknown or own.missing or self.doubled) and own.used + own.void == self.range

    def shown(self) -> dict[str, Any]:
        """For the report; `range` counts the numbers from the first to the last that was touched."""
        book = {"operator": self.operator, "prefix": self.prefix, "book_from": self.start, "book_to": self.end}
        return {
            **book, **self.numbers.shown(), "range": self.range, "doubled_numbers": self.doubled,
            "continuous": self.continuous,
        }  # fmt: skip


def read(conn: Connection, incident_no: int, doubled: Set[str]) -> list[Book]:
    """Every book this incident touched. `doubled` are numbers that stand on two rows of ours at the centre."""
    books = conn.execute(
        select(
            receipt_book,
            func.min(receipt_number.c.number).label("low"),
            func.max(receipt_number.c.number).label("high"),
        )
        .join(receipt_number, receipt_number.c.book_id == receipt_book.c.id)
        .where(receipt_number.c.incident_no == incident_no, receipt_book.c.source != "drill")
        .group_by(*receipt_book.c)
        .order_by(receipt_book.c.id)
    ).all()
    twice = doubled | _used_there_too(conn, incident_no)
    return [_book(conn, book, twice) for book in books]


def by_operator(books: Sequence[Book]) -> dict[str, Numbers]:
    """The books of each cashier together."""
    found: dict[str, Numbers] = {}
    for book in books:
        found.setdefault(book.operator, Numbers()).add(book.numbers)
    return found


def differences(books: Sequence[Book]) -> Iterator[Difference]:
    """Numbers nobody can account for: unknown after the centre was asked, or a gap in a book."""
    for book in books:
        own = book.numbers
        for kind, several in (("receipt_unknown", own.unknown), ("receipt_missing", own.missing)):
            for number in several:
                yield Difference(kind, number, None, None, {"operator": book.operator, "receipt_no": number}, {})


def _book(conn: Connection, book: Row[Any], twice: Set[str]) -> Book:
    def named(number: int) -> str:
        return f"{book.prefix}{number:0{book.width}d}"

    states = {
        row.number: row
        for row in conn.execute(
            select(receipt_number.c.number, receipt_number.c.state, receipt_number.c.receipt_no).where(
                receipt_number.c.book_id == book.id, receipt_number.c.number.between(book.low, book.high)
            )
        )
    }
    own = Numbers(states[book.low].receipt_no, states[book.high].receipt_no)
    for number in range(book.low, book.high + 1):
        row = states.get(number)
        if row is None:
            own.missing.append(named(number))
        elif row.state == "unknown":
            own.unknown.append(row.receipt_no)
        else:
            own.used += row.state == "used"
            own.void += row.state == "void"
    doubled = sorted({row.receipt_no for row in states.values() if row.state == "used"} & twice)
    limits = named(book.start_no), named(book.end_no)
    return Book(book.operator_code, book.prefix, *limits, book.high - book.low + 1, own, doubled)


def _used_there_too(conn: Connection, incident_no: int) -> set[str]:
    """Numbers on the centre's own charges of the blind window."""
    rows = conn.execute(
        select(blind_row.c.row).where(blind_row.c.incident_no == incident_no, blind_row.c.kind == "charge")
    )
    return {
        str(row.row["receipt_no"])
        for row in rows
        if row.row.get("receipt_no") and not row.row.get("refund_of") and str(row.row.get("yj_mark") or "0") != "1"
    }
