"""New patients: linked only where the identity is exact, to a person where it is not, created once otherwise (U9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fallback_server.domain.identity import same_person
from sync.central.gateway import CentralGateway, Refused, Row

QUESTION = "upload/match_patient"


def match(gateway: CentralGateway, payload: Mapping[str, Any]) -> str | None:
    """The key of the one active patient with exactly this identity, None if the centre has nobody alike.

    Raises Refused('patient_match') with the candidates if several or only similar ones are there; the port's errors.
    """
    if payload.get("create_anyway") or not gateway.has(QUESTION):
        return None
    binds = {name: payload.get(name) for name in ("id_no", "name", "sex", "birth_date")}
    candidates = gateway.ask(QUESTION, binds)
    exact = [row for row in candidates if _active(row) and same_person(_identity(payload), _identity(row))]
    if len(exact) == 1 and not _others_under_it(exact[0], candidates):
        return str(exact[0]["patient_no"])
    if candidates:
        shown = [plain(row) for row in candidates]
        raise Refused("patient_match", f"{len(shown)} similar patients, {len(exact)} exact", {"candidates": shown})
    return None


def plain(row: Row) -> dict[str, Any]:
    """A row of the centre as JSON can hold it."""
    return {
        name: value if value is None or isinstance(value, (bool, int)) else str(value) for name, value in row.items()
    }


def exact_among(payload: Mapping[str, Any], rows: Sequence[Row]) -> list[Row]:
    """The rows that are exactly this person."""
    return [row for row in rows if same_person(_identity(payload), _identity(row))]


def _others_under_it(one: Row, candidates: Sequence[Row]) -> bool:
    """Whether somebody else is filed under the same id number: a twin under the sibling's, a child under a parent's."""

    def number(row: Row) -> str:
        return str(row.get("id_no") or "").strip().upper()

    return any(row is not one and number(row) == number(one) and _active(row) for row in candidates)


def _active(row: Row) -> bool:
    return str(row.get("active", 1)).lower() not in ("0", "false")


def _identity(row: Row) -> dict[str, str | None]:
    def text(name: str) -> str | None:
        value = row.get(name)
        return None if value is None else str(value)

    return {
        "id_no": text("id_no"),
        "name": text("name"),
        "sex": text("sex"),
        "birth_date": (text("birth_date") or "")[:10] or None,
    }
