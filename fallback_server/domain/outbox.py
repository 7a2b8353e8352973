"""The outbox as a state machine; letters as in docs/states.md. Waiting for a parent is derived, not a state."""

from __future__ import annotations

from enum import StrEnum

from fallback_server.domain.errors import YjError


class OutboxState(StrEnum):
    """Where a document is on its way back."""

    PENDING = "pending"
    SENDING = "sending"
    CONFIRMED = "confirmed"
    UNKNOWN = "unknown"
    CONFLICT = "conflict"
    SETTLED = "settled"
    FENCED = "fenced"


P, S, C, U, X, T = (
    OutboxState.PENDING, OutboxState.SENDING, OutboxState.CONFIRMED,
    OutboxState.UNKNOWN, OutboxState.CONFLICT, OutboxState.SETTLED,
)  # fmt: skip

OUTBOX_ARROWS: dict[tuple[OutboxState, OutboxState], str] = {
    (P, S): "g",  # claimed under a lease
    (S, C): "h",  # the central transaction committed
    (S, U): "i",  # error at or after commit, or the lease of a dead sender ran out
    (S, X): "j",  # the centre refused it for a reason that a person must decide
    (S, P): "k",  # nothing reached the centre (connectivity, deadlock): try again later
    (U, C): "l",  # the ledger has it
    (U, P): "m",  # the ledger does not have it
    (U, X): "r",  # nothing at the centre can be asked (ledger mode none): a person looks
    (X, P): "n",  # a person: retry
    (X, C): "o",  # a person: link to what is there already
    (X, T): "p",  # a person: settled by another document
    (C, P): "q",  # the centre was rewound and lost it; after approval
}  # fmt: skip

FINAL = frozenset({OutboxState.CONFIRMED, OutboxState.SETTLED, OutboxState.FENCED})
"""States in which nothing is left to do; a fenced document of a drill never leaves the standby."""

OPEN_WORK = frozenset({OutboxState.PENDING, OutboxState.SENDING, OutboxState.UNKNOWN})
"""States the uploader still has to move; conflicts wait for a person instead."""


def outbox_arrow(current: OutboxState, wanted: OutboxState) -> str:
    """The letter of the arrow, or YjError wrong_state."""
    try:
        return OUTBOX_ARROWS[current, wanted]
    except KeyError:
        raise YjError("wrong_state", current=current.value, wanted=wanted.value) from None
