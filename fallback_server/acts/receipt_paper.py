"""What people do with receipt books: confirm the paper in the printer, make sheets void, hand out a book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import and_, select

from fallback_server.acts import locks, operators, receipt_books
from fallback_server.acts.receipt_books import Book
from fallback_server.domain.documents import Document, Ref
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import DRILL_PREFIX
from fallback_server.domain.policy import Policy
from fallback_server.store import cash, mirror, second_person
from fallback_server.store.session import Tx

MOST_AT_ONCE: Final = 2000  # numbers voided or skipped in one act: more is a slip of the finger


def confirm(tx: Tx, policy: Policy, wanted: int | str) -> dict[str, Any]:
    """The paper in the printer is number `wanted`: go forward to it; what is skipped becomes unknown, never reused.

    Going back is refused (receipt_book_backward), also behind what the HIS printed while it worked beside us; a number
    outside the operator's books too (receipt_number_outside), and one of a book that the HIS goes on with
    (receipt_book_with_his).
    """
    receipt_books.require_preprinted(policy)
    books = receipt_books.opened(tx, tx.who.operator_code)
    if not books:
        raise receipt_books.none_left(tx, books)
    target, number = _find(tx, books, wanted)
    least = receipt_books.lowest(tx, target) if target.recheck_since else target.next_no
    if number < least:
        raise YjError("receipt_book_backward", sent=target.text(number), next=target.text(least))
    if receipt_books.state_of(tx, target, number) is not None:
        raise YjError(
            "receipt_number_used", number=target.text(number), state=receipt_books.state_of(tx, target, number)
        )
    skipped: list[str] = []
    for book in books:
        # Books before it are finished: their last sheets may have been printed by the centre in the blind window.
        last = number - 1 if book.id == target.id else book.end_no
        skipped += _skip(tx, book, last)
        if book.id == target.id:
            receipt_books.checked(tx, book)
            break
    moved: dict[str, Any] = {
        "before": {"next_no": books[0].text(books[0].next_no)},
        "after": {"next_no": target.text(number)},
    }
    tx.audit("receipt_book.confirm", subject=target.text(number), skipped=len(skipped), **moved)
    return {**receipt_books.shown(tx, policy), "skipped": skipped}


def _skip(tx: Tx, book: Book, last: int) -> list[str]:
    table = cash.receipt_number
    rows = tx.conn.execute(
        select(table.c.number).where(table.c.prefix == book.prefix, table.c.number.between(book.next_no, last))
    )
    gone = {row.number for row in rows}
    numbers = [number for number in range(book.next_no, last + 1) if number not in gone]
    if len(numbers) > MOST_AT_ONCE:
        raise YjError("invalid_request", field="next_no", problem=f"跳号超过 {MOST_AT_ONCE} 张 / too many skipped")
    receipt_books.write_fates(tx, book, numbers, "unknown", None)
    receipt_books.move(tx, book, last + 1)
    return [book.text(number) for number in numbers]


def void(tx: Tx, policy: Policy, event_id: str, from_no: int | str, to_no: int | str, reason: str) -> dict[str, Any]:
    """Make unused sheets void with a reason (torn, misprinted, lost). Writes a receipt_event document.

    Raises receipt_number_used if one of them has a fate already, receipt_book_unchecked for one that the HIS may have
    printed beside us, receipt_number_outside, second_person_required for many at once.
    """
    receipt_books.require_preprinted(policy)
    books = receipt_books.opened(tx, tx.who.operator_code)
    if not books:
        raise receipt_books.none_left(tx, books)
    book, first = _find(tx, books, from_no)
    other, last = _find(tx, books, to_no)
    if other.id != book.id or last < first:
        raise YjError("receipt_number_outside")
    if last - first >= MOST_AT_ONCE:
        raise YjError("invalid_request", field="to_no", problem=f"一次作废超过 {MOST_AT_ONCE} 张 / too many at once")
    if book.recheck_since is not None and first < (least := receipt_books.lowest(tx, book)):
        raise YjError("receipt_book_unchecked", lowest=book.text(least))  # a patient may hold it, from the HIS
    if last - first >= policy.void_approval_above:
        second_person.require(tx, policy, "void", event_id)
    for number in range(first, last + 1):
        if (state := receipt_books.state_of(tx, book, number)) is not None or number < book.next_no:
            raise YjError("receipt_number_used", number=book.text(number), state=state or "—")
    receipt_books.write_fates(tx, book, range(first, last + 1), "void", reason)
    if first == book.next_no:
        receipt_books.move(tx, book, last + 1)
    numbers = [book.text(number) for number in range(first, last + 1)]
    write_event(tx, event_id, kind="void", numbers=numbers, reason=reason, book_operator_code=book.operator_code)
    tx.audit("receipt_book.void", subject=event_id, from_no=numbers[0], to_no=numbers[-1], reason=reason)
    return {**receipt_books.shown(tx, policy), "id": event_id, "voided": numbers}


def write_event(
    tx: Tx,
    event_id: str,
    *,
    kind: str,
    numbers: Sequence[str],
    reason: str,
    book_operator_code: str,
    charge_id: str | None = None,
    chain: str | None = None,
    new_receipt_no: str | None = None,
) -> str:
    """The receipt_event document of void numbers; returns its YJ number."""
    yj_no = tx.take_yj_no()
    tx.conn.execute(
        cash.receipt_event.insert().values(
            **tx.document_row(event_id, yj_no), kind=kind, charge_id=charge_id, numbers=list(numbers),
            new_receipt_no=new_receipt_no, reason=reason,
        )
    )  # fmt: skip
    tx.enqueue(
        Document(
            yj_id=event_id,
            entity="receipt_event",
            yj_no=yj_no,
            chain=chain or event_id,
            body={
                "kind": kind,
                "receipt_no": numbers[0],
                "new_receipt_no": new_receipt_no,
                "reason": reason,
                "book_operator_code": book_operator_code,
            },
            refs={"charge": Ref(charge_id, "yj") if charge_id else None},
            lists={"numbers": [{"receipt_no": number} for number in numbers]},
            receipt_no=numbers[0],
        )
    )
    return yj_no


def issue(tx: Tx, policy: Policy, operator_code: str, prefix: str, start_no: int, end_no: int) -> dict[str, Any]:
    """Give an operator a book. Raises unknown_operator, invalid_request, receipt_book_overlap, drill_mismatch."""
    receipt_books.require_preprinted(policy)
    if tx.mode.drill or prefix.upper().startswith(DRILL_PREFIX):
        raise YjError("drill_mismatch")  # a drill makes its own; real paper never carries its prefix
    if end_no < start_no:
        raise YjError("invalid_request", field="end_no", problem="止号小于起号 / end before start")
    operators.require(tx, operator_code)
    locks.hold(tx, "receipt_book:issue", f"receipt_book:{operator_code}")
    _refuse_overlap(tx, prefix, start_no, end_no)
    book = Book(None, operator_code, prefix, receipt_books.width_of(end_no), start_no, end_no, start_no, "issued")
    book = replace(book, id=receipt_books.insert(tx, book))
    tx.audit("receipt_book.issue", subject=operator_code, from_no=book.text(start_no), to_no=book.text(end_no))
    return receipt_books.view(book)


def _refuse_overlap(tx: Tx, prefix: str, start_no: int, end_no: int) -> None:
    for table in (cash.receipt_book, mirror.datasets["receipt_book"]):
        condition = and_(table.c.prefix == prefix, table.c.start_no <= end_no, table.c.end_no >= start_no)
        if tx.conn.execute(select(table.c.operator_code).where(condition).limit(1)).first() is not None:
            raise YjError("receipt_book_overlap")


def leave(tx: Tx, policy: Policy) -> dict[str, Any]:
    """Leave the books of the HIS with it, because their holder works on both sides; see receipt_books.leave."""
    receipt_books.require_preprinted(policy)
    receipt_books.leave(tx)
    return receipt_books.shown(tx, policy)


def _find(tx: Tx, books: Sequence[Book], wanted: int | str) -> tuple[Book, int]:
    """The book and number meant: a bare number in the first book that holds it, or the text on the paper."""
    found = _holding(books, wanted)
    if found is not None:
        return found
    if (theirs := _holding(receipt_books.with_the_his(tx, tx.who.operator_code), wanted)) is not None:
        book = theirs[0]
        raise YjError("receipt_book_with_his", first=book.text(book.start_no), last=book.text(book.end_no))
    raise YjError("receipt_number_outside")


def _holding(books: Sequence[Book], wanted: int | str) -> tuple[Book, int] | None:
    for book in books:
        if isinstance(wanted, int):
            number = wanted
        elif wanted.startswith(book.prefix) and (digits := wanted[len(book.prefix) :]).isascii() and digits.isdigit():
            number = int(digits)
        else:
            continue
        if book.start_no <= number <= book.end_no:
            return book, number
    return None
