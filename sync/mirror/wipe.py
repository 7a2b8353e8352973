"""Wiping the patients out of the mirror: the machine is given away, or the trial is over.

Gone are the rows, what could bring them back (deltas of former generations), what was set aside of them, the examples
that a held run shows, down to the pages of the file, and copies that a dead process left. Masters stay. The mirror is
stopped first, or the next run would fetch everybody again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, select, text, update

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState, Mode, Permit
from fallback_server.domain.policy import Policy
from fallback_server.store import second_person, stop_orders
from fallback_server.store.locks import clear_away, single_instance
from fallback_server.store.mirror import dataset_state, datasets, delta, rejection, run
from fallback_server.store.mode import incident
from fallback_server.store.session import Actor, Store, Tx
from sync.mirror.workspace import LOCK, shrink, transaction, workspace

OF_PATIENTS: Final = (
    "patient", "patient_card", "open_registration", "open_prescription", "open_prescription_line", "open_order",
    "open_order_line",
)  # fmt: skip
WIPED: Final = ("详情已清除。", "The details were wiped.")
_KEPT_BY_NAME: Final = (delta, rejection, dataset_state)


@dataclass(frozen=True)
class Wiped:
    """What is gone: rows by dataset. `file`: whether the file itself holds nothing of them any more; `in_use`: folders
    with copies that somebody is at work in."""

    rows: dict[str, int]
    file: bool
    in_use: list[str]

    def as_json(self) -> dict[str, Any]:
        """Plain data, for `--json`."""
        return asdict(self)


def wipe(store: Store, policy: Policy, actor: Actor, reason: str, copies: Iterable[tuple[str, Path]] = ()) -> Wiped:
    """Stop the mirror, wait for a run at work, and wipe. Run again after a power cut it does what is left.

    `copies`: folders in which copies of the mirror may lie, each with the lock of who works there.

    Raises wrong_state in an outage or while an incident is not closed (its documents speak of these people), and
    second_person_required.
    """
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        _require_quiet(tx)
        second_person.require(tx, policy, "wipe")
        stop_orders.stop(tx, reason)
        tx.audit("mirror.wipe_asked", reason=reason)  # should the power fail in the middle, it is known who and why
    with single_instance(store.url, LOCK):
        with store.reading() as tx:
            _require_quiet(tx)  # somebody may have switched on while a run at work was waited for
        with workspace(store.url) as connection:
            rows = _wipe_rows(connection)
            file = shrink(connection, [*(kept.name for kept in _KEPT_BY_NAME), run.name])
    in_use = [folder.name for lock, folder in copies if not clear_away(store.url, lock, folder)]
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        tx.audit("mirror.wipe", reason=reason, before=rows, after=dict.fromkeys(rows, 0), file=file, in_use=in_use)
    return Wiped(rows, file, in_use)


def _require_quiet(tx: Tx) -> None:
    if tx.mode.mode is not Mode.NORMAL:
        raise YjError("wrong_state", current=tx.mode.mode.value, wanted="mirror wipe")
    unclosed = select(incident.c.incident_no).where(incident.c.state != IncidentState.CLOSED.value)
    number = tx.conn.execute(unclosed.limit(1)).scalar()
    if number is not None:
        raise YjError("wrong_state", current=f"incident {number} not closed", wanted="mirror wipe")


def _wipe_rows(connection: Connection) -> dict[str, int]:
    embedded = connection.dialect.name == "sqlite"
    if embedded:
        with transaction(connection):
            connection.exec_driver_sql("PRAGMA mirror.secure_delete = ON")
    with transaction(connection):
        tables = [datasets[name] for name in OF_PATIENTS]
        rows = {one.name: connection.execute(select(func.count()).select_from(one)).scalar_one() for one in tables}
        for one in tables:
            connection.execute(one.delete() if embedded else text(f"TRUNCATE mirror.{one.name}"))
        for kept in _KEPT_BY_NAME:
            connection.execute(kept.delete().where(kept.c.dataset.in_(OF_PATIENTS)))
        _forget_examples(connection)
    return rows


def _forget_examples(connection: Connection) -> None:
    """Why runs were held stays. The rows shown with it go, and the words of the centre, which may quote one."""
    for number, problems in connection.execute(select(run.c.run_id, run.c.problems)).all():
        kept = [_without_examples(one) for one in problems]
        if kept != problems:
            connection.execute(update(run).where(run.c.run_id == number).values(problems=kept))


def _without_examples(problem: dict[str, Any]) -> dict[str, Any]:
    if problem.get("dataset") is None:
        return {**problem, "zh": WIPED[0], "en": WIPED[1], "examples": []}
    return {**problem, "examples": []} if problem["dataset"] in OF_PATIENTS else problem
