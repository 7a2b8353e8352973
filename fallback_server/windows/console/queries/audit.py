"""The audit log as auditors search it: by time, person, computer, kind, outage, document; what was before and after."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select

from fallback_server.domain.errors import YjError
from fallback_server.store import audit
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Tx

_TIME: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}))?")


def conditions(tx: Tx, asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked for as the log's own columns. Raises invalid_request for a time that is none."""
    document = str(asked.get("document") or "").strip()
    return {
        "since": _bound("since", asked.get("since"), 0),
        "until": _bound("until", asked.get("until"), 1),
        "operator_code": asked.get("operator"),
        "workstation": asked.get("workstation"),
        "action": asked.get("action"),
        "incident_no": asked.get("incident"),
        "subjects": _subjects(tx, document) if document else None,
        "failed": asked.get("failed"),
    }


def found(
    tx: Tx, asked: dict[str, Any], limit: int, below: int | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """Rows that fit, newest first, and the sequence to go on below (None: these were the last)."""
    wanted = conditions(tx, asked)
    rows = list(audit.selected(tx.conn, newest_first=True, limit=limit + 1, below=below, **wanted))
    return rows[:limit], rows[limit - 1]["sequence"] if len(rows) > limit else None


def parts(tx: Tx, asked: dict[str, Any], size: int) -> list[int | None]:
    """The tables of `size` rows in which what fits can be taken away, newest first: each by the sequence it lies below
    (None: the newest)."""
    found: list[int | None] = [None]
    wanted = conditions(tx, asked)
    while (further := audit.cut_after(tx.conn, size, below=found[-1], **wanted)) is not None:
        found.append(further)
    return found


def _bound(field: str, words: Any, further: int) -> str | None:
    """A day or a minute as people write it; as an end it is included whole."""
    if not words:
        return None
    told = _TIME.fullmatch(str(words).strip())
    try:
        if told is None:
            raise ValueError(words)
        whole = timedelta(minutes=1) if told[2] else timedelta(days=1)
        at = datetime.fromisoformat(f"{told[1]}T{told[2] or '00:00'}") + further * whole
    except (ValueError, OverflowError) as error:
        problem = "写成 2026-11-23 或 2026-11-23 08:30 / write it like this"
        raise YjError("invalid_request", field=field, problem=problem) from error
    return at.isoformat(timespec="minutes")


def _subjects(tx: Tx, document: str) -> list[str]:
    """What the log may call a document that somebody names by its number, its receipt, its id."""
    named = select(outbox.c.yj_id).where(
        or_(outbox.c.yj_no == document, outbox.c.receipt_no == document, outbox.c.yj_id == document)
    )
    return [document, *tx.conn.execute(named.limit(50)).scalars()]


def changes(detail: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Field, before, after: what an event changed. Nothing for one that only adds."""
    before, after = detail.get("before"), detail.get("after", detail.get("row"))
    if not isinstance(before, dict) or not isinstance(after, dict):
        return
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield name, before.get(name), after.get(name)


def rest(detail: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What else is on record of an event."""
    for name, value in detail.items():
        if name not in ("before", "after", "row") and value not in (None, "", False, [], {}):
            yield name, value
