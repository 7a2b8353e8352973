"""Search as you type and paging over the mirror's lists: plain ranges on plain indexes, never a scan."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, or_
from sqlalchemy.sql import Select

from fallback_server.domain.errors import YjError
from fallback_server.store.session import Tx

LIMIT_DEFAULT, LIMIT_MAX = 20, 200


_LAST_SIGN, _BEFORE_SURROGATES, _AFTER_SURROGATES = "\U0010ffff", "\ud7ff", "\ue000"


def next_text(prefix: str) -> str | None:
    """The smallest text greater than every text that begins with `prefix`; None where there is none."""
    stem = prefix.rstrip(_LAST_SIGN)
    if not stem:
        return None
    # Surrogates are no signs and cannot be sent to a database.
    following = _AFTER_SURROGATES if stem[-1] == _BEFORE_SURROGATES else chr(ord(stem[-1]) + 1)
    return stem[:-1] + following


def begins(column: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    """`column` begins with `prefix`, as a range that an index serves."""
    following = next_text(prefix)
    return column >= prefix if following is None else and_(column >= prefix, column < following)


_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: " "}


def spellings(q: str) -> list[str]:
    """What was typed, and the same in narrow letters and digits where the input method was left in full width.

    Empty for nothing typed. The wide spelling stays: names stand in the mirror as they stand on papers.
    """
    text = q.strip()
    return list(dict.fromkeys((text, text.translate(_WIDE).strip()))) if text else []


def matching(table: Table, q: str, columns: Sequence[str]) -> ColumnElement[bool] | None:
    """Rows in which one of `columns` begins with `q`, pinyin compared in capitals. None for an empty q."""
    texts = spellings(q)
    if not texts:
        return None
    return or_(
        *(begins(table.c[name], text.upper() if name == "pinyin" else text) for text in texts for name in columns)
    )


def page(tx: Tx, statement: Select[Any], key: ColumnElement[Any], limit: int, cursor: str | None) -> dict[str, Any]:
    """`{items, next_cursor}` in the order of `key` (unique text); the cursor is the last key seen, opaque outside."""
    if cursor:
        statement = statement.where(key > decoded(cursor))
    rows = [dict(row) for row in tx.conn.execute(statement.order_by(key).limit(limit + 1)).mappings()]
    more = len(rows) > limit
    items = rows[:limit]
    return {"items": items, "next_cursor": encoded(str(items[-1][key.key or ""])) if more else None}


def encoded(text: str) -> str:
    """A cursor that hides what it stands on."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def decoded(cursor: str) -> str:
    """What a cursor stands on; raises invalid_request for one that is not ours."""
    try:
        text = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        text = "\0"
    if "\0" in text:  # in no key of ours, and no database takes it
        raise YjError("invalid_request", field="cursor", problem="请重新查找 / search again")
    return text
