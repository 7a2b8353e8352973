"""What the console shows of drills."""

from __future__ import annotations

from typing import Any

from fallback_server.store import drill_measures, drills
from fallback_server.store.session import Tx

_PLAN = (
    "id", "title", "objectives", "departments", "workstations", "people", "observers", "planned_for", "state",
    "incident_no", "opened_at", "opened_by", "ended_at", "ended_by", "ended_approver", "released_at", "called_off_at",
    "called_off_by", "called_off_reason", "created_at", "created_by",
)  # fmt: skip
_FINDING = ("id", "at", "operator", "kind", "text", "owner", "due_on", "done_at", "done_by",
            "done_note")  # fmt: skip


def brief(row: dict[str, Any]) -> dict[str, Any]:
    """A drill in a list."""
    return {name: row[name] for name in (*_PLAN, "findings")}


def detail(tx: Tx, number: int) -> dict[str, Any]:
    """A drill with its figures as they stand; raises drill_not_found."""
    row = drills.one(tx.conn, number)
    return {
        **{name: row[name] for name in _PLAN},
        "cut_off_by": row["cut_off_by"],
        "measures": drill_measures.measures(tx.conn, row),
        "findings": [_finding(found, tx.today.isoformat()) for found in row["findings"]],
        "rehearsals": [_rehearsal(found) for found in row["rehearsals"]],
    }


def certificate_number(number: int) -> str:
    """The document number of a drill's certificate."""
    return f"YL-{number}"


def self_test(row: dict[str, Any]) -> dict[str, Any]:
    """A self-test; `ok` null while it is at work, or where it was killed."""
    return {**row, "id": str(row["id"])}


def _finding(row: dict[str, Any], today: str) -> dict[str, Any]:
    late = row["done_at"] is None and row["due_on"] is not None and row["due_on"] < today
    return {**{name: row[name] for name in _FINDING}, "overdue": late}


def _rehearsal(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "requested_by", "started_at", "finished_at", "target", "ok", "code",
                                         "report")}  # fmt: skip
