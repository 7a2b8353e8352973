"""Receipt books: the centre's next number is moved past those used here, before the first document is sent."""

from __future__ import annotations

from sqlalchemy import Connection, select

from fallback_server.store.cash import receipt_book, receipt_number
from fallback_server.store.session import Store
from sync.central.gateway import CentralGateway

STATEMENT = "upload/advance_receipt_book"


def advance(store: Store, gateway: CentralGateway, incident_no: int) -> int:
    """Move every book this incident took numbers from; never back (the mapping sees to that). Returns books moved."""
    if not gateway.has(STATEMENT):
        return 0
    with store.reading() as tx:
        books = _used(tx.conn, incident_no)
    moved = 0
    for operator_code, prefix, next_no in books:
        binds = {"operator_code": operator_code, "prefix": prefix, "next_no": next_no}
        moved += 1 if gateway.tell(STATEMENT, binds) else 0
    return moved


def _used(conn: Connection, incident_no: int) -> list[tuple[str, str, int]]:
    """(operator, prefix, next number) of the books in use; numbers that were only skipped count as used."""
    numbers = select(receipt_number.c.book_id).where(receipt_number.c.incident_no == incident_no)
    rows = conn.execute(
        select(receipt_book.c.operator_code, receipt_book.c.prefix, receipt_book.c.next_no)
        .where(receipt_book.c.id.in_(numbers), receipt_book.c.source != "drill")
        .order_by(receipt_book.c.id)
    )
    return [(row.operator_code, row.prefix, row.next_no) for row in rows]
