"""Mode and incident as state machines; the letters are those of docs/states.md and 1-system.md.

mode:      normal --a--> emergency --b--> returning --c--> normal
           returning --a--> emergency: the next outage began
incident:  (none) --a--> open --b--> closing --d--> uploading --e--> reconciling --f--> closed
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fallback_server.domain.errors import YjError


class Mode(StrEnum):
    """Where windows work: in the HIS, here, or just going back."""

    NORMAL = "normal"
    EMERGENCY = "emergency"
    RETURNING = "returning"


class IncidentState(StrEnum):
    """How far one outage is, from the switch to the second signature."""

    OPEN = "open"
    CLOSING = "closing"
    UPLOADING = "uploading"
    RECONCILING = "reconciling"
    CLOSED = "closed"


MODE_ARROWS: dict[tuple[Mode, Mode], str] = {
    (Mode.NORMAL, Mode.EMERGENCY): "a",
    (Mode.RETURNING, Mode.EMERGENCY): "a",
    (Mode.EMERGENCY, Mode.RETURNING): "b",
    (Mode.RETURNING, Mode.NORMAL): "c",
}

INCIDENT_ARROWS: dict[tuple[IncidentState, IncidentState], str] = {
    (IncidentState.OPEN, IncidentState.CLOSING): "b",
    (IncidentState.CLOSING, IncidentState.UPLOADING): "d",
    (IncidentState.UPLOADING, IncidentState.RECONCILING): "e",
    # A late decision (retry, correction) reopens the upload; the signatures of the older account are void.
    (IncidentState.RECONCILING, IncidentState.UPLOADING): "d",
    (IncidentState.RECONCILING, IncidentState.CLOSED): "f",
    # A later account says something else than what was signed: the signatures no longer count.
    (IncidentState.CLOSED, IncidentState.RECONCILING): "r",
    # An incident without documents, or a drill, has nothing to return.
    (IncidentState.CLOSING, IncidentState.CLOSED): "f",
}


@dataclass(frozen=True)
class ModeState:
    """The mode as every window sees it. `scope` None means the whole hospital."""

    mode: Mode
    epoch: int
    incident_no: int | None
    drill: bool
    scope: tuple[str, ...] | None
    since: datetime
    grace_until: datetime | None
    hold_until: datetime | None
    insurance_down: bool
    notice: str | None

    def in_grace(self, now: datetime) -> bool:
        """Whether a document in hand is still taken. A clock that was set back by hours does not begin it again."""
        return self.grace_until is not None and self._before(now, self.grace_until)

    def held(self, now: datetime) -> bool:
        """Whether windows still wait for the upload; a clock that was set back does not keep them waiting."""
        return self.hold_until is None or self._before(now, self.hold_until)

    def _before(self, now: datetime, until: datetime) -> bool:
        return now < until and self.since - now <= until - self.since

    def in_scope(self, department_code: str | None) -> bool:
        """Whether a visit of this department is in YJ; one without a department is so only hospital-wide."""
        return self.scope is None or (department_code is not None and department_code in self.scope)


class Permit(StrEnum):
    """What a writing transaction is for; the store opens it only where the mode allows that."""

    HOUSEKEEPING = "housekeeping"  # log-in, roll call, the switch itself: in every mode
    DOCUMENT = "document"  # money and medicine: in YJ mode, and in the grace for the document in hand
    AFTERCARE = "aftercare"  # prints, hand-overs, queue states of an unclosed incident: in every mode


def admit(state: ModeState, permit: Permit, now: datetime) -> bool:
    """Let a write in, or raise. Returns True when the document is late (within the grace of a return).

    Raises mode_normal or mode_returning.
    """
    if permit is not Permit.DOCUMENT or state.mode is Mode.EMERGENCY:
        return False
    if state.mode is Mode.NORMAL:
        raise YjError("mode_normal")
    if state.in_grace(now):
        return True
    raise YjError("mode_returning")


def mode_arrow(current: Mode, wanted: Mode) -> str:
    """The letter of the arrow, or YjError wrong_state."""
    try:
        return MODE_ARROWS[current, wanted]
    except KeyError:
        raise YjError("wrong_state", current=current.value, wanted=wanted.value) from None


def incident_arrow(current: IncidentState, wanted: IncidentState) -> str:
    """The letter of the arrow, or YjError wrong_state."""
    try:
        return INCIDENT_ARROWS[current, wanted]
    except KeyError:
        raise YjError("wrong_state", current=current.value, wanted=wanted.value) from None
