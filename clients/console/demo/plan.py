"""What the patients of the demo come for: drawn once, from a seed, with every special case at least once."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

# What may happen in a visit, and in how many of a hundred. Those of FIRST happen in the first visits whatever the dice
# say, so that a demo of ten visits shows them too.
SHARES = {
    "new_patient": 9, "refund_part": 5, "paper": 4, "jam": 3, "cancel": 4, "transfer": 4, "refund_whole": 4,
    "taken_back": 2, "in_doubt": 3, "rewritten": 3, "insured": 8, "emergency": 6, "walk_in": 3, "torn": 2,
}  # fmt: skip
FIRST = (
    "new_patient", "new_patient", "refund_part", "paper", "jam", "cancel", "transfer", "refund_whole", "taken_back",
    "in_doubt", "rewritten", "insured", "walk_in",
)  # fmt: skip
# Cases in which the visit does not go its ordinary way exclude each other.
WAYS = ("cancel", "paper", "walk_in", "refund_whole", "taken_back", "refund_part", "transfer", "rewritten")


@dataclass
class Case:
    """One patient's way through the windows; each desk adds what it made."""

    number: int
    wishes: frozenset[str]
    rng: random.Random
    patient: dict[str, Any] = field(default_factory=dict)
    visit: dict[str, Any] = field(default_factory=dict)
    department: str = ""
    prescriptions: list[dict[str, Any]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    charges: list[dict[str, Any]] = field(default_factory=list)
    returned: bool = False  # the drugs are back at the pharmacy, the money is not back yet

    def wants(self, wish: str) -> bool:
        """Whether this visit goes that way."""
        return wish in self.wishes


def draw(count: int, seed: int) -> list[Case]:
    """`count` cases, the same for the same seed."""
    rng = random.Random(f"{seed}:cases")  # noqa: S311 - a play, not a secret
    return [Case(number, _wishes(number, rng), random.Random(f"{seed}:{number}")) for number in range(count)]  # noqa: S311


def _wishes(number: int, rng: random.Random) -> frozenset[str]:
    if number < len(FIRST):
        return frozenset({FIRST[number]})
    drawn = {wish for wish, share in SHARES.items() if rng.randrange(100) < share}
    ways = [way for way in WAYS if way in drawn]
    return frozenset(drawn - set(ways[1:]))


@dataclass
class Shelf:
    """The master data the desks use, read once through the API as a page would."""

    drugs: list[dict[str, Any]]
    fees: list[dict[str, Any]]
    diagnoses: list[dict[str, Any]]
    slots: list[dict[str, Any]]
    types: dict[str, dict[str, Any]]
    pool: list[dict[str, Any]]
    insured: list[dict[str, Any]]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_patient(self, *, insured: bool) -> dict[str, Any]:
        """A known patient nobody else of the demo has."""
        with self._lock:
            group = self.insured if insured and self.insured else self.pool
            return group.pop()
