"""The timeline of an incident: what the system knows of it and what people keyed in, newest first, page by page.

Every source gives at most a page of its newest lines by an index; an incident of a month with 300,000 documents costs
no more than one of an hour. What would be thousands of lines is counted.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

from fallback_server.acts import timeline_outage, timeline_return
from fallback_server.acts.timeline_lines import Asked, Line
from fallback_server.domain import timeline as words
from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.policy import Policy
from fallback_server.store.mode_switch import incident_row
from fallback_server.store.session import Tx

PAGE: Final = 100
MOST: Final = 500
LARGEST: Final = 1 << 31  # no number of a row is that large
# What only notes have: the answer, when it was keyed in, its id, whether it was amended, which one it amends.
_NOTHING_MORE: Final = {"answer": None, "keyed_at": None, "note": None, "amended": False, "amends": None, "scope": None}
SOURCES: Final = (*timeline_outage.SOURCES, *timeline_return.SOURCES)


def page(
    tx: Tx, policy: Policy, number: int, *, only: str | None = None, cursor: str = "", limit: int = PAGE
) -> dict[str, Any]:
    """`{items, next_cursor}`, newest first; `only` is a group of domain.timeline.

    Raises incident_not_found, invalid_request for a cursor that is none.
    """
    lines, more = _newest(tx, policy, number, only, _before(cursor), limit)
    return {"items": [shown(line) for line in lines], "next_cursor": _cursor(lines[-1]) if more else None}


def whole(tx: Tx, policy: Policy, number: int, most: int = MOST) -> tuple[list[dict[str, Any]], bool]:
    """The newest lines, oldest first, for a report; and whether there were more than `most`."""
    lines, more = _newest(tx, policy, number, None, None, most)
    return [shown(line) for line in reversed(lines)], more


def shown(line: Line) -> dict[str, Any]:
    """A line as programs get it: with its sentence in both languages."""
    return {
        "id": f"{line.source}-{line.ref}", "at": line.at, "group": words.group_of(line.kind), "kind": line.kind,
        "operator_code": line.who, "approver_code": line.approver, "zh": words.told(line.kind, line.values, "zh"),
        "en": words.told(line.kind, line.values, "en"), **_NOTHING_MORE, **line.more,
    }  # fmt: skip


def _newest(
    tx: Tx, policy: Policy, number: int, only: str | None, before: tuple[str, int, int] | None, limit: int
) -> tuple[list[Line], bool]:
    asked = Asked(tx, policy, incident_row(tx.conn, number), only, before, limit + 1)
    found = [line for source in SOURCES if only is None or only in source.groups for line in source.lines(asked)]
    found = [line for line in found if only is None or words.group_of(line.kind) == only]
    found.sort(key=lambda line: line.key, reverse=True)
    return found[:limit], len(found) > limit


def _cursor(line: Line) -> str:
    return base64.urlsafe_b64encode(json.dumps(line.key).encode()).decode().rstrip("=")


def _before(cursor: str) -> tuple[str, int, int] | None:
    if not cursor:
        return None
    try:
        at, rank, ref = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        from_text(at)
        rank, ref = int(rank), int(ref)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        rank, ref = -1, -1
    if not (0 <= rank < LARGEST and 0 <= ref < LARGEST):
        raise YjError("invalid_request", field="cursor", problem="不认识 / unknown")
    return at, rank, ref
