"""The account as it is stored and as programs read it. How people see it is `fallback_server.acts.account_sheet`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class ReconciliationReport:
    """The contract's shape and, beside it, the five layers with what each looked at.

    Nothing in it depends on when it was made: the same state of both sides gives the same report, and so the same hash.
    `id`, `at` and `seconds` (by layer) belong to the stored account, not to what it says.
    """

    incident_no: int
    balanced: bool
    totals: dict[str, str | None]  # `ledger` is None at a centre that has no table of ours
    cashiers: list[dict[str, Any]]
    differences: list[dict[str, Any]]
    layers: list[dict[str, Any]] = field(default_factory=list)
    windows: list[dict[str, Any]] = field(default_factory=list)
    books: list[dict[str, Any]] = field(default_factory=list)
    cash: list[dict[str, Any]] = field(default_factory=list)
    posting: dict[str, Any] = field(default_factory=dict)
    covers: dict[str, int] = field(default_factory=dict)
    id: int | None = field(default=None)
    at: str | None = field(default=None)
    seconds: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What is stored."""
        data = asdict(self)
        return {name: value for name, value in data.items() if name not in ("id", "at", "seconds")}
