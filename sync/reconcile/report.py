"""The account as it is stored and as programs read it. How people see it is `fallback_server.acts.account_sheet`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class ReconciliationReport:
    """The contract's shape; `id` and `at` are those of the stored account."""

    incident_no: int
    balanced: bool
    totals: dict[str, str | None]  # `ledger` is None at a centre that has no table of ours
    cashiers: list[dict[str, Any]]
    differences: list[dict[str, Any]]
    id: int | None = field(default=None)
    at: str | None = field(default=None)

    def to_json(self) -> dict[str, Any]:
        """What `yj reconcile --json` prints and what is stored."""
        data = asdict(self)
        return {name: value for name, value in data.items() if name not in ("id", "at")}
