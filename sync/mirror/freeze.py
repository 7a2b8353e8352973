"""When the mirror stands still (1-system.md, Modes): what was done here is not overwritten by what the centre says."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.modes import IncidentState, Mode, ModeState
from fallback_server.domain.outbox import OPEN_WORK
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox
from sync.mirror.validate import Problem


def frozen(connection: Connection, state: ModeState, wanted: Iterable[str]) -> dict[str, Problem]:
    """Which of the wanted datasets must not be read now, and why.

    A whole-hospital outage freezes all until the mode is normal again, and then until an upload run has compared the
    centre with the mirror: a rewound centre would overwrite what it is recognised by. A drill freezes nothing. Open
    work is frozen while documents of an unclosed incident are on their way: what was paid here would come back unpaid.
    """
    if state.mode is not Mode.NORMAL and not state.drill and state.scope is None:
        return {name: _whole(name) for name in wanted}
    waiting = _on_their_way(connection)
    if waiting and _not_compared(connection):
        return {name: _unchecked(name) for name in wanted}
    if not waiting:
        return {}
    return {name: _open(name, waiting) for name in wanted if DATASETS[name].group == "open"}


def pinned_generation(connection: Connection) -> int | None:
    """The oldest generation an unclosed incident used."""
    statement = select(func.min(incident.c.generation)).where(incident.c.state != IncidentState.CLOSED.value)
    found = connection.execute(statement).scalar()
    return None if found is None else int(found)


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


def _not_compared(connection: Connection) -> bool:
    """Whether an outage is over and the centre has not passed its check since (arrow d)."""
    closing = select(incident.c.incident_no).where(
        incident.c.state == IncidentState.CLOSING.value, incident.c.drill.is_(False)
    )
    return connection.execute(closing.limit(1)).first() is not None


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
