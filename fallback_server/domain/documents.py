"""Documents: what leaves the standby, frozen as canonical JSON when the act commits.

The payload is what the centre will be told, word for word; its hash is stored here, in the outbox, and in the centre's
ledger. Lists and fields per entity are in docs/documents.md. Money is text, times are RFC 3339.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

PAYLOAD_VERSION: Final = 1

ENTITIES: Final = (
    "patient", "registration", "registration_cancel", "registration_transfer",
    "prescription", "prescription_cancel", "order", "order_cancel",
    "charge", "refund", "receipt_event", "dispense_note",
)  # fmt: skip

# The order of 1-system.md §6: what settles the centre's own rows first, then by dependence. Within one rank
# documents go in the order of their acts. Parents decide over rank: a document waits for its own parents only.
SETTLES_CENTRE_RANK: Final = 0
RANKS: Final[dict[str, int]] = {
    "patient": 1,
    "registration": 2,
    "registration_transfer": 3,
    "prescription": 4,
    "order": 5,
    "charge": 6,
    "receipt_event": 7,
    "refund": 8,
    "prescription_cancel": 9,
    "order_cancel": 9,
    "registration_cancel": 10,
    "dispense_note": 11,
}


@dataclass(frozen=True)
class Ref:
    """A document or a mirrored row that another document speaks of."""

    id: str
    origin: str  # yj | centre
    central_key: str | None = None

    def payload(self) -> dict[str, str | None]:
        return {"id": self.id, "origin": self.origin, "central_key": self.central_key}


@dataclass(frozen=True)
class Document:
    """One document as an act hands it to the outbox.

    `parents` are found from `refs` and `settles` with origin yj. `chain` is the patient's id: documents of one patient
    wait for each other's conflicts, others do not.
    """

    yj_id: str
    entity: str
    yj_no: str
    chain: str
    body: Mapping[str, Any]
    refs: Mapping[str, Ref | None] = field(default_factory=dict)
    lists: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    settles: Mapping[str, Sequence[Ref]] = field(default_factory=dict)
    amount: str = "0.00"  # signed: what it adds to the account
    receipt_no: str | None = None

    def parents(self) -> tuple[str, ...]:
        """Ids of our own documents that must be at the centre before this one."""
        refs = [ref for ref in self.refs.values() if ref is not None]
        refs += [ref for group in self.settles.values() for ref in group]
        return tuple(sorted({ref.id for ref in refs if ref.origin == "yj"}))

    def rank(self) -> int:
        """Its place in the order of the return."""
        if self.entity == "charge" and any(ref.origin == "centre" for group in self.settles.values() for ref in group):
            return SETTLES_CENTRE_RANK
        return RANKS[self.entity]

    def payload(self, header: Mapping[str, Any]) -> dict[str, Any]:
        """The whole payload: header, body, refs, lists. `header` is what the store adds (sequence, operator, times)."""
        return {
            **header,
            "payload_version": PAYLOAD_VERSION,
            "yj_id": self.yj_id,
            "entity": self.entity,
            "yj_no": self.yj_no,
            **self.body,
            "refs": {name: ref.payload() if ref else None for name, ref in self.refs.items()},
            **{name: [dict(item) for item in items] for name, items in self.lists.items()},
            **{name: [ref.payload() for ref in refs] for name, refs in self.settles.items()},
        }


def canonical(payload: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no blanks. Floats are refused: they would not survive a round trip unchanged."""
    _refuse_floats(payload)
    return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def payload_hash(text: str) -> str:
    """SHA-256 of the canonical text, in hex: what the ledger stores."""
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise ValueError("a float in a document")
    if isinstance(value, Mapping):
        for inner in value.values():
            _refuse_floats(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _refuse_floats(inner)
