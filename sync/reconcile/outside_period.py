"""Documents the period does not show and the centre has: somebody moved their time (`upload/find_<entity>.sql`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from sync.central.gateway import CentralGateway
from sync.reconcile.match import Difference

MOST_ASKED: Final = 200  # so many missing documents are a lost table, not a moved date


def named(gateway: CentralGateway, found: Sequence[Difference]) -> list[Difference]:
    """The same differences; one that is missing is `date` where its number is found under its key all the same."""
    missing = (one for one in found if one.kind == "missing_at_centre")
    moved = {one.subject for one in islice(missing, MOST_ASKED) if _is_there(gateway, one)}
    return [_moved(one) if one.kind == "missing_at_centre" and one.subject in moved else one for one in found]


def _is_there(gateway: CentralGateway, one: Difference) -> bool:
    yj_no = one.local.get("yj_no")
    return any(
        str(row["central_key"]) == one.central_key
        for name in _questions(gateway, str(one.local.get("entity") or ""))
        for row in gateway.ask(name, {"yj_no": yj_no})
    )


def _questions(gateway: CentralGateway, entity: str) -> Iterator[str]:
    for name in [entity] if entity else ["charge", "refund"]:
        if gateway.has(f"upload/find_{name}"):
            yield f"upload/find_{name}"


def _moved(one: Difference) -> Difference:
    return replace(one, kind="date", central={"yj_no": one.local.get("yj_no"), "status": "outside the period"})
