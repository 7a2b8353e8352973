"""What the windows were told is done: every acknowledged document, kept apart from anything the standby says later."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Acknowledged:
    """A document whose answer reached a window. `amount` is signed."""

    yj_id: str
    entity: str
    amount: Decimal = Decimal("0.00")
    receipt_no: str | None = None


@dataclass(frozen=True)
class Refusal:
    """An act that should have gone through and did not."""

    case: int
    act: str
    words: str


class Journal:
    """Filled by all windows at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: dict[str, Acknowledged] = {}
        self._refusals: list[Refusal] = []
        self._acts: Counter[str] = Counter()

    def add(self, yj_id: str, entity: str, amount: str | Decimal = "0.00", receipt_no: str | None = None) -> None:
        """Note a document; raises ValueError if the standby gave the same identity to two acts."""
        document = Acknowledged(yj_id, entity, Decimal(amount), receipt_no)
        with self._lock:
            if yj_id in self._documents and self._documents[yj_id] != document:
                raise ValueError(f"{entity} {yj_id} was acknowledged twice with different contents")
            self._documents[yj_id] = document

    def act(self, name: str) -> None:
        """Count something that is no document: a print, a call in the queue."""
        with self._lock:
            self._acts[name] += 1

    def refuse(self, case: int, act: str, words: str) -> None:
        """Note an act that failed."""
        with self._lock:
            self._refusals.append(Refusal(case, act, words))

    @property
    def documents(self) -> dict[str, Acknowledged]:
        """All documents by identity."""
        with self._lock:
            return dict(self._documents)

    @property
    def refusals(self) -> list[Refusal]:
        """All acts that failed."""
        with self._lock:
            return list(self._refusals)

    @property
    def acts(self) -> dict[str, int]:
        """Counts of what is no document."""
        with self._lock:
            return dict(self._acts)

    def total(self) -> Decimal:
        """Signed sum of charges and refunds."""
        return sum(
            (one.amount for one in self.documents.values() if one.entity in ("charge", "refund")), Decimal("0.00")
        )

    def by_entity(self) -> dict[str, int]:
        """How many documents of each entity."""
        return dict(Counter(one.entity for one in self.documents.values()))
