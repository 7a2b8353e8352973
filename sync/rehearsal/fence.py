"""What keeps a rehearsal away from the centre: it is asked before anything is written, and doubt is a refusal."""

from __future__ import annotations

from typing import Final

from fallback_server.domain.errors import YjError
from sync.central.gateway import CentralError, CentralGateway

MARK: Final = "DRILL"


def identity(own: str) -> str:
    """Under which installation a rehearsal enters the copy's ledger: always the same for ours, and never ours."""
    return MARK + own[len(MARK) :]


def require_another_database(centre: CentralGateway, copy: CentralGateway) -> None:
    """Raises rehearsal_same_centre, and rehearsal_unsure where either cannot be asked. Reads only."""
    try:
        here, there = centre.identity(), copy.identity()
    except CentralError as error:
        raise YjError("rehearsal_unsure", problem=f"{type(error).__name__}: {error.detail}") from error
    if here == there:
        raise YjError("rehearsal_same_centre", how=here)


def require_empty_ledger(copy: CentralGateway, own: str) -> None:
    """Raises rehearsal_has_ledger where anything but rehearsals was ever returned to this database.

    A copy restored from a backup of the centre carries the ledger of real incidents until somebody empties it there:
    that is done in a copy on purpose, and never at the centre.
    """
    strangers = [one for one in copy.known_incidents() if not one.installation_id.startswith(MARK)]
    if strangers:
        named = ", ".join(f"{one.incident_no}" for one in strangers[:5])
        raise YjError("rehearsal_has_ledger", what=f"yj_incident has {len(strangers)} real incidents ({named})")
    if head := copy.ledger_head(own):
        raise YjError("rehearsal_has_ledger", what=f"yj_ledger has {head} documents of this installation")
