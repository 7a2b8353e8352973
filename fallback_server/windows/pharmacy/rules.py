"""What can be done with a paid prescription: pure rules over quantities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

TO_HAND_OVER, HANDED_OVER, REFUNDED = "paid", "handed_over", "refunded"
OUT: Final = "out"  # asked for, no state of its own: what the HIS must hear of

# Colours of the paper forms (处方管理办法, annex 1).
COLOURS: Final[Mapping[str, str]] = {"emergency": "yellow", "paediatric": "green", "ordinary": "white"}


def state_of(paid: Mapping[str, int], out: Mapping[str, int]) -> str:
    """Where a paid prescription stands. `paid`: line → pieces paid and not refunded; `out`: pieces with the patient.

    Something left to hand over wins; then something handed over; a prescription with neither was refunded.
    """
    if any(quantity > out.get(line_id, 0) for line_id, quantity in paid.items()):
        return TO_HAND_OVER
    return HANDED_OVER if any(out.values()) else REFUNDED


def wanted(asked: str, state: str, out: int) -> bool:
    """Whether a prescription in this state with so many pieces out belongs on the list that was asked for."""
    return out > 0 if asked == OUT else asked in ("all", state)


def form_of(visit_kind: str | None, child: bool) -> str:
    """Which form a prescription is printed on: emergency before paediatric before ordinary."""
    if visit_kind == "emergency":
        return "emergency"
    return "paediatric" if child else "ordinary"


def shared_directions(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What all lines of a herbal prescription have in common: usage, frequency and number of doses, printed once below
    them; None where they differ."""
    names = ("usage_name", "frequency_name", "days")
    shared = {name: lines[0][name] for name in names}
    return shared if all(line[name] == shared[name] for line in lines for name in names) else None
