"""The mirror as it is operated: a run under the stop switch, watched, its load noted, alarms judged after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, Protocol

from sqlalchemy import update

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import alarms, staffing
from fallback_server.store.mirror import run
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.session import Actor, Store
from sync.central.gateway import CentralError, CentralGateway
from sync.mirror import alarm
from sync.mirror.halt import StopSwitch
from sync.mirror.run import MirrorRules, RunReport, run_mirror
from sync.mirror.status import StaleRules
from sync.mirror.validate import Problem
from sync.mirror.watch import Halted, Seen, Watch
from sync.mirror.workspace import transaction, workspace

STOP_ALARM: Final = f"{alarms.MIRROR}.stop"


class OperationRules(MirrorRules, StaleRules, Protocol):
    """The section [mirror] of yj.toml."""


def refresh(
    store: Store,
    gateway: CentralGateway,
    rules: OperationRules,
    datasets: Iterable[str] | None = None,
    *,
    seen: Seen | None = None,
    budget_seconds: float | None = None,
    **options: Any,
) -> RunReport:
    """`run_mirror` (see there for `options` and what it raises) under the stop switch.

    While the mirror is stopped nothing begins: the report's state is `stopped`, its run_id 0, and no row is written.
    One that begins is ended between two pages. `seen` is told the rows of a dataset after every page; what it raises
    ends the run and leaves it to the next one to note that. Nor does a run read for longer than `budget_seconds`.
    """
    switch = StopSwitch(store, gateway)
    stopped = _stopped(store, switch)
    if stopped is not None:
        return RunReport(0, "stopped", (), problems=[_problem(stopped)])
    watch = Watch(switch if budget_seconds is None else _within(budget_seconds, switch), seen)
    report = run_mirror(store, watch.over(gateway), rules, datasets, **options)
    if watch.halted is not None and report.state == "failed":
        report.problems = [_problem(watch.halted)]
    _note(store, report, watch)
    if report.published and "operator" in report.datasets:
        _send_leavers_away(store)
    alarm.look(store, rules)
    return report


def _send_leavers_away(store: Store) -> None:
    """End the sessions of those who left the centre; each request asks too, so with a busy store it may wait."""
    with suppress(YjError), store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
        staffing.end_sessions_of_leavers(tx)


def _within(seconds: float, switch: StopSwitch) -> Callable[[], None]:
    """The switch, and an end when the time is over."""
    end = time.monotonic() + seconds

    def look() -> None:
        switch()
        if time.monotonic() > end:
            minutes = round(seconds / 60)
            raise Halted(
                "sweep_budget",
                f"整表核对超过 {minutes} 分钟，留待下次。",
                f"The sweep took more than {minutes} minutes.",
            )

    return look


def _stopped(store: Store, switch: StopSwitch) -> Halted | None:
    """Why nothing may begin. A centre that does not answer stops nothing: the run then says what is the matter."""
    try:
        switch()
    except Halted as halted:
        if not halted.local:
            alarms.sound(store, STOP_ALARM, halted.kind, halted.zh, halted.en)
        return halted
    except CentralError:
        return None
    alarms.silence(store, STOP_ALARM)
    return None


def _problem(halted: Halted) -> dict[str, Any]:
    return Problem(halted.kind, None, halted.zh, halted.en).as_json()


def _note(store: Store, report: RunReport, watch: Watch) -> None:
    with workspace(store.url) as connection, transaction(connection):
        connection.execute(
            update(run).where(run.c.run_id == report.run_id).values(load=watch.as_json(), problems=report.problems)
        )
