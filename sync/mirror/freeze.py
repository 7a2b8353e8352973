"""When the mirror stands still (1-system.md, Modes): what was done here is not overwritten by what the centre says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, func, select

from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.modes import IncidentState, Mode, ModeState
from fallback_server.domain.outbox import OPEN_WORK
from fallback_server.store.mode import incident, mode_change
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import upload_run
from sync.mirror.validate import Problem

# An upload run that came to this step has passed the pre-flight, and found the centre neither rewound nor ahead of us.
COMPARED: Final = "register"
LOOKED_BACK: Final = 100  # upload runs


def frozen(connection: Connection, state: ModeState, wanted: Iterable[str]) -> dict[str, Problem]:
    """Which of the wanted datasets must not be read now, and why.

    A whole-hospital outage freezes all until the mode is normal again, and then, while its documents (or older ones)
    are on their way, until an upload run has compared the centre with the mirror: a rewound centre would overwrite what
    it is recognised by. An outage of some departments freezes no masters, a drill nothing. Open work is frozen while
    documents of an unclosed incident are on their way: what was paid here would come back unpaid.
    """
    if state.mode is not Mode.NORMAL and not state.drill and state.scope is None:
        return {name: _whole(name) for name in wanted}
    waiting = _on_their_way(connection)
    if not waiting:
        return {}
    if not _compared(connection):
        return {name: _unchecked(name) for name in wanted}
    return {name: _open(name, waiting) for name in wanted if DATASETS[name].group == "open"}


def pinned_generation(connection: Connection) -> int | None:
    """The oldest generation an unclosed incident used."""
    statement = select(func.min(incident.c.generation)).where(incident.c.state != IncidentState.CLOSED.value)
    found = connection.execute(statement).scalar()
    return None if found is None else int(found)


def greatest_generation(connection: Connection) -> int:
    """The greatest generation that any incident names, 0 for none."""
    return int(connection.execute(select(func.max(incident.c.generation))).scalar() or 0)


def _on_their_way(connection: Connection) -> int:
    statement = (
        select(func.count())
        .select_from(outbox.join(incident, incident.c.incident_no == outbox.c.incident_no))
        .where(
            outbox.c.drill.is_(False),
            incident.c.state != IncidentState.CLOSED.value,
            outbox.c.state.in_([state.value for state in OPEN_WORK]),
        )
    )
    return int(connection.execute(statement).scalar_one())


def _compared(connection: Connection) -> bool:
    """Whether the centre has passed its check since the last outage of the whole hospital ended.

    An older incident that was being uploaded before that outage proves nothing: storage may have been lost in between.
    """
    ended = _last_end(connection)
    if ended is None:
        return True
    runs = connection.execute(
        select(upload_run.c.report)
        .where(upload_run.c.dry_run.is_(False), upload_run.c.started_at >= ended)
        .order_by(upload_run.c.id.desc())
        .limit(LOOKED_BACK)
    ).scalars()
    return any(step["step"] == COMPARED for report in runs for step in report.get("steps", ()))


def _last_end(connection: Connection) -> str | None:
    """When the last outage ended that at any time was one of the whole hospital."""
    whole = select(mode_change.c.incident_no).where(
        mode_change.c.to_mode == Mode.EMERGENCY.value, mode_change.c.scope.is_(None)
    )
    statement = select(func.max(incident.c.ended_at)).where(
        incident.c.drill.is_(False), incident.c.incident_no.in_(whole)
    )
    found = connection.execute(statement).scalar()
    return None if found is None else str(found)


def _unchecked(name: str) -> Problem:
    return Problem(
        "frozen_unchecked", name, "停机后还没有核对中心是否被回退，镜像冻结；请先回传（yj upload run）。",
        "The centre has not been compared since the outage: the mirror is frozen until `yj upload run` has done it.",
    )  # fmt: skip


def _whole(name: str) -> Problem:
    return Problem(
        "frozen_outage", name, "全院应急中，镜像冻结。", "The mirror is frozen during a whole-hospital outage."
    )


def _open(name: str, waiting: int) -> Problem:
    return Problem(
        "frozen_returning", name, f"还有 {waiting} 张单据未传回中心，未完成业务的镜像冻结。",
        f"Open work is frozen: {waiting} documents have not reached the centre yet.", {"waiting": waiting},
    )  # fmt: skip
