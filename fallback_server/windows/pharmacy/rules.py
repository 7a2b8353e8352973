"""What can be done with a paid prescription: pure rules over quantities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TO_HAND_OVER, HANDED_OVER, REFUNDED = "paid", "handed_over", "refunded"

# Colours of the paper forms (7-trade-rules §3).
COLOURS: Final[Mapping[str, str]] = {"emergency": "yellow", "paediatric": "green", "ordinary": "white"}


def state_of(paid: Mapping[str, int], out: Mapping[str, int]) -> str:
    """Where a paid prescription stands. `paid`: line → pieces paid and not refunded; `out`: pieces with the patient.

    Something left to hand over wins; then something handed over; a prescription with neither was refunded.
    """
    if any(quantity > out.get(line_id, 0) for line_id, quantity in paid.items()):
        return TO_HAND_OVER
    return HANDED_OVER if any(out.values()) else REFUNDED


def form_of(visit_kind: str | None, child: bool) -> str:
    """Which form a prescription is printed on: emergency before paediatric before ordinary."""
    if visit_kind == "emergency":
        return "emergency"
    return "paediatric" if child else "ordinary"
