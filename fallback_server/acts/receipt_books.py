"""Receipt books: whose paper is in which printer, and the number of the next sheet.

The first use in an incident copies the mirrored book; from then on the copy counts and later mirrors never touch it. In
a drill the numbers come from books of its own, prefixed DRILL.

While only some departments are in YJ the HIS prints on its books too. One that its holder left there, or that the
centre has moved on since it was brought here, is not used here: whoever serves both sides has two books. When the whole
hospital comes into YJ, each book of the HIS waits until its holder has confirmed the paper in the printer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import and_, select, update

from fallback_server.acts import locks
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import DRILL_PREFIX, receipt_number
from fallback_server.domain.policy import Policy
from fallback_server.store import cash, counters, mirror
from fallback_server.store.session import Tx

PAPER_WIDTH: Final = 8  # digits on the paper where the centre does not say; a longer last number has its own length
LOW_WATERMARK: Final = 20
DRILL_BOOK_SIZE: Final = 1000


@dataclass(frozen=True)
class Book:
    """One book as it counts here. `id` None: mirrored, not yet copied."""

    id: int | None
    operator_code: str
    prefix: str
    width: int
    start_no: int
    end_no: int
    next_no: int
    source: str  # mirror | issued | drill
    central_next: int | None = None  # the centre's next number when it was brought here
    left_at: str | None = None  # left with the HIS by its holder
    recheck_since: str | None = None  # the HIS printed beside us until then

    @property
    def remaining(self) -> int:
        return self.end_no - self.next_no + 1

    def text(self, number: int) -> str:
        """The number as printed on the paper."""
        return receipt_number(self.prefix, number, self.width)


def width_of(end_no: int, digits: int | None = None) -> int:
    """How many digits the paper shows: what the centre's zero-padded numbers have, where it has told."""
    return max(digits or PAPER_WIDTH, len(str(end_no)))


def plan(
    operator_code: str, mirrored: Iterable[Mapping[str, Any]], own: Iterable[Mapping[str, Any]], incident_no: int | None
) -> list[Book]:
    """The books of an operator in this incident, in the order in which they are used up.

    A mirrored book not yet copied in this incident counts from the larger of its own and our next number: ours is
    larger while an earlier return has not reached the centre. A copy of an earlier incident that is no longer mirrored
    was used up or taken back at the centre.
    """
    known = {(row["prefix"], row["start_no"]): row for row in own}
    books = [_book(row) for row in known.values() if row["source"] != "mirror" or row["incident_no"] == incident_no]
    counted = {key for key, row in known.items() if row["incident_no"] == incident_no}
    for row in mirrored:
        before = known.get((row["prefix"], row["start_no"]))
        if (row["prefix"], row["start_no"]) in counted:
            continue
        next_no = max(row["next_no"], before["next_no"] if before else row["start_no"])
        fresh = Book(
            before["id"] if before else None, operator_code, row["prefix"], width_of(row["end_no"], row.get("digits")),
            row["start_no"], row["end_no"], min(next_no, row["end_no"] + 1), "mirror", row["next_no"],
        )  # fmt: skip
        books = [book for book in books if (book.prefix, book.start_no) != (row["prefix"], row["start_no"])] + [fresh]
    # A book begun before is finished first; among untouched ones the lower number comes first.
    return sorted(books, key=lambda book: (book.next_no == book.start_no, book.prefix, book.start_no))


def _book(row: Mapping[str, Any]) -> Book:
    return Book(**{name: row[name] for name in Book.__dataclass_fields__})


def beside_the_his(books: Iterable[Book], mirrored: Iterable[Mapping[str, Any]]) -> list[Book]:
    """Of these, the books that the HIS goes on with: left there by their holder, or moved on by the centre since."""
    there = {(row["prefix"], row["start_no"]): row["next_no"] for row in mirrored}
    return [book for book in books if book.source == "mirror" and (book.left_at is not None or _moved_on(book, there))]


def _moved_on(book: Book, there: Mapping[tuple[str, int], int]) -> bool:
    return book.central_next is not None and there.get((book.prefix, book.start_no), 0) > book.central_next


def of(tx: Tx, operator_code: str) -> list[Book]:
    """The operator's books as of now, without writing: what GET shows before the first use."""
    books, left = _counted(tx, operator_code)
    return [book for book in books if book not in left]


def with_the_his(tx: Tx, operator_code: str) -> list[Book]:
    """The operator's books that the HIS goes on with, and that are therefore not used here."""
    return _counted(tx, operator_code)[1]


def _counted(tx: Tx, operator_code: str) -> tuple[list[Book], list[Book]]:
    mirrored = _mirrored(tx, operator_code)
    books = plan(operator_code, mirrored, _own(tx, operator_code), tx.mode.incident_no)
    return books, beside_the_his(books, mirrored) if shared_with_the_his(tx) else []


def shared_with_the_his(tx: Tx) -> bool:
    """Whether the HIS prints receipts beside us: only some departments are in YJ, and it is no drill."""
    return tx.mode.scope is not None and not tx.mode.drill


def opened(tx: Tx, operator_code: str) -> list[Book]:
    """The operator's books that are used here, copied at their first use in this incident and held until the
    transaction ends."""
    locks.hold(tx, f"receipt_book:{operator_code}")
    stored = {row["id"]: row for row in _own(tx, operator_code)}
    return [_copied(tx, book, stored.get(book.id or 0)) for book in of(tx, operator_code)]


def leave(tx: Tx) -> None:
    """The acting operator works on both sides: the books of the HIS stay with it, and others are used here.

    Raises wrong_state unless some departments only are in YJ, receipt_book_missing without a book of the HIS.
    """
    if not shared_with_the_his(tx):
        raise YjError("wrong_state", current=tx.mode.mode.value, wanted="scope")
    table = cash.receipt_book
    theirs = [book for book in opened(tx, tx.who.operator_code) if book.source == "mirror"]
    if not theirs:
        raise YjError("receipt_book_missing")
    tx.conn.execute(update(table).where(table.c.id.in_([book.id for book in theirs])).values(left_at=tx.at))
    left = [f"{book.text(book.next_no)}-{book.text(book.end_no)}" for book in theirs]
    tx.audit("receipt_book.leave", subject=tx.who.operator_code, books=left)


def _copied(tx: Tx, book: Book, stored: Mapping[str, Any] | None) -> Book:
    values = {
        "next_no": book.next_no, "end_no": book.end_no, "width": book.width, "source": book.source,
        "central_next": book.central_next, "left_at": book.left_at, "recheck_since": book.recheck_since,
    }  # fmt: skip
    if stored is None:
        return replace(book, id=insert(tx, book))
    if book.source == "mirror" and (stored["source"], stored["incident_no"]) != ("mirror", tx.incident_no):
        table = cash.receipt_book
        tx.conn.execute(update(table).where(table.c.id == book.id).values(incident_no=tx.incident_no, **values))
    return book


def insert(tx: Tx, book: Book) -> int:
    """Write a book into the present incident; returns its id."""
    values = {name: getattr(book, name) for name in Book.__dataclass_fields__ if name != "id"}
    statement = cash.receipt_book.insert().values(**values, incident_no=tx.mode.incident_no, created_at=tx.at)
    return int(tx.conn.execute(statement.returning(cash.receipt_book.c.id)).scalar_one())


def _own(tx: Tx, operator_code: str) -> list[dict[str, Any]]:
    table = cash.receipt_book
    kind = table.c.source == "drill" if tx.mode.drill else table.c.source != "drill"
    statement = select(table).where(table.c.operator_code == operator_code, kind).order_by(table.c.id)
    return [dict(row) for row in tx.conn.execute(statement).mappings()]


def _mirrored(tx: Tx, operator_code: str) -> list[dict[str, Any]]:
    if tx.mode.drill:
        return []
    table = mirror.datasets["receipt_book"]
    statement = select(table).where(table.c.operator_code == operator_code)
    return [dict(row) for row in tx.conn.execute(statement).mappings()]


def require_preprinted(policy: Policy) -> None:
    """Books exist only where receipts are pre-printed; raises receipt_plain elsewhere."""
    if not policy.receipt_preprinted:
        raise YjError("receipt_plain")


# ------------------------------------------------------------------------------------------------ the next number
@dataclass(frozen=True)
class Sheet:
    """The sheet of paper the next receipt is printed on."""

    book: Book
    number: int

    @property
    def receipt_no(self) -> str:
        return self.book.text(self.number)


def take(tx: Tx, expected: str | None = None) -> Sheet:
    """Take the acting operator's next number; `expected` is what the window showed and must agree.

    The number is gone when the transaction commits, and only then. Raises receipt_book_missing, receipt_book_exhausted,
    receipt_book_with_his, receipt_book_unchecked, receipt_no_mismatch. The caller writes its row (`mark_used`) in the
    same transaction.
    """
    books = opened(tx, tx.who.operator_code)
    if tx.mode.drill and not any(_first_free(tx, book) for book in books):
        books = [*books, _new_drill_book(tx)]
    sheet = _next_sheet(tx, books)
    if sheet.book.recheck_since is not None:
        raise YjError("receipt_book_unchecked", lowest=sheet.book.text(lowest(tx, sheet.book)))
    if expected is not None and expected != sheet.receipt_no:
        raise YjError("receipt_no_mismatch", expected=sheet.receipt_no, sent=expected)
    move(tx, sheet.book, sheet.number + 1)
    return sheet


def lowest(tx: Tx, book: Book) -> int:
    """The lowest number that the sheet in the printer can have: behind ours, and behind those that the HIS printed."""
    there = {(row["prefix"], row["start_no"]): int(row["next_no"]) for row in _mirrored(tx, book.operator_code)}
    return max(book.next_no, there.get((book.prefix, book.start_no), 0))


def checked(tx: Tx, book: Book) -> None:
    """The holder has confirmed its paper; the caller holds the operator's books."""
    table = cash.receipt_book
    tx.conn.execute(update(table).where(table.c.id == book.id).values(recheck_since=None))


def next_sheet(tx: Tx) -> Sheet | None:
    """The acting operator's next sheet without taking it, or None where there is none."""
    for book in of(tx, tx.who.operator_code):
        if (number := _first_free(tx, book)) is not None:
            return Sheet(book, number)
    return None


def _next_sheet(tx: Tx, books: Sequence[Book]) -> Sheet:
    for book in books:
        if (number := _first_free(tx, book)) is not None:
            return Sheet(book, number)
    raise none_left(tx, books)


def none_left(tx: Tx, books: Sequence[Book]) -> YjError:
    """Why there is no sheet: all are used, the HIS goes on with the book, or there never was one."""
    if books:
        return YjError("receipt_book_exhausted")
    if left := with_the_his(tx, tx.who.operator_code):
        return YjError("receipt_book_with_his", first=left[0].text(left[0].start_no), last=left[0].text(left[0].end_no))
    return YjError("receipt_book_missing")


def _first_free(tx: Tx, book: Book) -> int | None:
    """The first number from `next` on that has no fate yet: a sheet may have been made void before its turn."""
    table = cash.receipt_number
    rows = tx.conn.execute(
        select(table.c.number).where(table.c.prefix == book.prefix, table.c.number.between(book.next_no, book.end_no))
    )
    gone = {row.number for row in rows}
    return next((number for number in range(book.next_no, book.end_no + 1) if number not in gone), None)


def move(tx: Tx, book: Book, next_no: int) -> None:
    """Let the book go on at `next_no`; the caller holds the operator's books (`opened`)."""
    table = cash.receipt_book
    tx.conn.execute(update(table).where(table.c.id == book.id).values(next_no=next_no))


def _new_drill_book(tx: Tx) -> Book:
    start = (counters.take(tx.conn, "drill_book") - 1) * DRILL_BOOK_SIZE + 1
    end = start + DRILL_BOOK_SIZE - 1
    book = Book(None, tx.who.operator_code, DRILL_PREFIX, width_of(end), start, end, start, "drill")
    return replace(book, id=insert(tx, book))


def mark_used(tx: Tx, sheet: Sheet, charge_id: str) -> None:
    """The fate of a taken number. Promise P4: the primary key lets no number be used twice, by whomever."""
    write_fates(tx, sheet.book, [sheet.number], "used", None, charge_id)


def write_fates(
    tx: Tx, book: Book, numbers: Iterable[int], state: str, reason: str | None, charge_id: str | None = None
) -> None:
    """What became of these numbers, once and for all: the primary key refuses a number that has a fate already."""
    rows = [
        {
            "prefix": book.prefix,
            "number": number,
            "receipt_no": book.text(number),
            "book_id": book.id,
            "state": state,
            "charge_id": charge_id,
            "reason": reason,
            "operator_code": tx.who.operator_code,
            "incident_no": tx.incident_no,
            "at": tx.at,
        }
        for number in numbers
    ]
    if rows:
        tx.conn.execute(cash.receipt_number.insert(), rows)


def state_of(tx: Tx, book: Book, number: int) -> str | None:
    """used, void or unknown; None for a number nobody touched yet."""
    table = cash.receipt_number
    state = tx.conn.execute(
        select(table.c.state).where(table.c.prefix == book.prefix, table.c.number == number)
    ).scalar()
    return None if state is None else str(state)


# ------------------------------------------------------------------------------------------------ what is shown
def shown(tx: Tx, policy: Policy) -> dict[str, Any]:
    """The acting operator's books and next number, as GET /receipt-book answers."""
    require_preprinted(policy)
    books = of(tx, tx.who.operator_code)
    sheet = next_sheet(tx)
    remaining = sum(_unused(tx, book) for book in books)
    at_hand = sheet.book if sheet else None
    return {
        "operator": tx.who.operator_code,
        "prefix": at_hand.prefix if at_hand else None,
        "start_no": at_hand.start_no if at_hand else None,
        "end_no": at_hand.end_no if at_hand else None,
        "next_no": sheet.number if sheet else None,
        "receipt_no": sheet.receipt_no if sheet else None,
        "remaining": remaining,
        "low": remaining <= LOW_WATERMARK,
        "automatic": tx.mode.drill,  # a drill's books are made as needed
        # The HIS prints beside us: is this sheet out of a book that its holder may be using there too?
        "shared": at_hand is not None and at_hand.source == "mirror" and shared_with_the_his(tx),
        # The HIS printed on it until the whole hospital came into YJ: the lowest number that the sheet can have.
        "recheck": at_hand.text(lowest(tx, at_hand)) if at_hand and at_hand.recheck_since else None,
        "with_his": [view(book) for book in with_the_his(tx, tx.who.operator_code)],
        "books": [view(book) for book in books],
    }


def _unused(tx: Tx, book: Book) -> int:
    table = cash.receipt_number
    within = and_(table.c.prefix == book.prefix, table.c.number.between(book.next_no, book.end_no))
    return book.remaining - len(tx.conn.execute(select(table.c.number).where(within)).all())


def view(book: Book) -> dict[str, Any]:
    """One book as shown."""
    return {
        "operator": book.operator_code,
        "prefix": book.prefix,
        "start_no": book.start_no,
        "end_no": book.end_no,
        "next_no": book.next_no,
        "first_receipt_no": book.text(book.start_no),
        "last_receipt_no": book.text(book.end_no),
        "remaining": book.remaining,
        "source": book.source,
    }
