"""Would a document be taken: the last test document, and paper for the receipts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from fallback_server.domain.categories import effective_roles
from fallback_server.domain.clock import to_text
from fallback_server.domain.readiness import Finding
from fallback_server.store import cash, mirror, staffing
from fallback_server.store import trial as trials
from fallback_server.store.readiness.look import Look

LOW: Final = 20  # numbers: less than half an hour of a cashier's work


def trial(look: Look) -> Iterator[Finding]:
    """A charge through the same acts as a window's, rolled back: the one proof that all of it works together."""
    limit, last = f"{trials.OLD_SECONDS // 60} min", trials.last(look.conn)
    if last is None:
        yield Finding("trial", None, "trial_never", limit=limit)
        return
    age = look.age(last["at"]) or 0
    if not last["ok"]:
        yield Finding("trial", False, "trial_failed", {"code": last["code"], "at": last["at"]}, "", age, limit)
    elif age > trials.OLD_SECONDS:
        yield Finding("trial", None, "trial_old", {"minutes": age // 60}, "", age, limit)
    else:
        values = {"ms": round(last["seconds"] * 1000), "minutes": age // 60}
        yield Finding("trial", True, "trial_fine", values, "", age, limit)


def books(look: Look) -> Iterator[Finding]:
    """Whether those who take money here have receipt numbers left, as the mirror and our own books say."""
    if not look.policy.receipt_preprinted:
        yield Finding("books", True, "books_plain")
        return
    left = numbers_left(look)
    who = [one.code for one in _cashiers(look)]
    short = [code for code in who if 0 < left.get(code, 0) < LOW]
    without = [code for code in who if not left.get(code)]
    values = {"books": sum(1 for n in left.values() if n), "numbers": sum(left.values())}
    limit = f"≥ {LOW}"
    if not values["numbers"]:
        yield Finding("books", False, "books_none", limit="≥ 1")
        return
    yield Finding("books", True, "books_there", values)
    if short:
        yield Finding("books", None, "books_short", {"n": len(short), "codes": short[:20]}, "short", limit=limit)
    if without:
        yield Finding(
            "books", None, "books_missing", {"n": len(without), "codes": without[:20]}, "missing", limit=limit
        )


def numbers_left(look: Look) -> dict[str, int]:
    """Operator → unused receipt numbers: of a mirrored book the larger of its own and our next number counts."""
    own = look.conn.execute(select(cash.receipt_book).where(cash.receipt_book.c.source != "drill")).mappings().all()
    reached = {(row["operator_code"], row["prefix"], row["start_no"]): row["next_no"] for row in own}
    left: dict[str, int] = {}
    table = mirror.datasets["receipt_book"]
    for row in look.conn.execute(select(table)).mappings():
        key = (row["operator_code"], row["prefix"], row["start_no"])
        next_no = max(row["next_no"], reached.get(key, row["start_no"]))
        left[row["operator_code"]] = left.get(row["operator_code"], 0) + max(0, row["end_no"] - next_no + 1)
    for row in own:
        if row["source"] == "issued":
            left[row["operator_code"]] = left.get(row["operator_code"], 0) + row["end_no"] - row["next_no"] + 1
    return left


def _cashiers(look: Look) -> list[staffing.Standing]:
    """Who takes money and was seen here lately; where nobody was, nobody is known to come."""
    since = to_text(look.now - timedelta(days=staffing.SEEN_DAYS))
    return [
        one
        for one in look.staff
        if one.can and (one.last_seen or "") >= since and "registrar" in effective_roles(frozenset(one.roles))
    ]
