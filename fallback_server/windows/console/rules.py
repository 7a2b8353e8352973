"""What may be asked of the console; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState

SIGNERS = {"it": "admin", "finance": "supervisor"}
RETURNABLE = (IncidentState.CLOSING, IncidentState.UPLOADING, IncidentState.RECONCILING)


def require_returnable(state: str, drill: bool, *, closed_too: bool = False) -> None:
    """An upload or an account needs an incident that has ended and is not closed, and no drill.

    With `closed_too` a closed one passes: its account stays readable.
    """
    if drill:
        raise YjError("drill_fenced")
    if state == IncidentState.CLOSED.value:
        if closed_too:
            return
        raise YjError("incident_closed")
    if IncidentState(state) not in RETURNABLE:
        raise YjError("incident_open", state=state)


def require_number(text: str) -> int:
    """The number in a path; anything that is none cannot exist."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise YjError("not_found")
    return int(text)


def confirmation(incident: Mapping[str, Any], within_minutes: int, now: datetime) -> dict[str, Any]:
    """Until when a second person should confirm the switch-on, and whether that is overdue; a drill needs nobody."""
    if incident["confirmed_at"] is not None or incident["drill"]:
        return {"confirm_by": None, "confirm_overdue": False}
    due = from_text(incident["opened_at"]) + timedelta(minutes=within_minutes)
    return {"confirm_by": to_text(due), "confirm_overdue": now > due}


def require_signer(signed_as: str, roles: frozenset[str]) -> None:
    """IT signs as an administrator, finance as a supervisor."""
    if SIGNERS[signed_as] not in roles:
        raise YjError("forbidden", roles=SIGNERS[signed_as])
