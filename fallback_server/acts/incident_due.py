"""What is due about outages: who must be told, the report that is stored by itself, what is overdue is an alarm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from fallback_server.acts import incident_record, incident_report
from fallback_server.domain.incident_record import Timer
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.store import alarms
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.mode_switch import incident_row
from fallback_server.store.session import Actor, Store, Tx

log = logging.getLogger("yj.report")
_SYSTEM: Final = Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)
MEASURES: Final = "measures"
TOLD: Final = "told"


def look(store: Store, policy: Policy) -> list[int]:
    """Make the reports of incidents closed since, and sound or silence what is overdue; which incidents got one.

    Called about once a minute. Cheap when nothing is due: a few reads.
    """
    with store.reading() as tx:
        wanted = incident_report.unmade(tx)
        late = [one for one in incident_record.unreported(tx, policy) if one["overdue"]]
        measures = [one for one in incident_record.measures(tx) if one["overdue"]]
        untold = _untold(tx, policy)
    made = [number for number in wanted if _apart(number, lambda one: _make(store, policy, one))]
    for one in late:
        _apart(one["incident_no"], lambda number: _sound_report(store, number))
    _judge_measures(store, measures)
    _judge_told(store, untold)
    return made


def _apart(number: int, act: Callable[[int], None]) -> bool:
    """Do this for an incident; whether it could be done. What is wrong with one keeps no other from its report."""
    try:
        act(number)
    except Exception as error:  # noqa: BLE001  (edge of one incident: it is tried again within a minute)
        log.error("report of incident %s broke: %s", number, type(error).__name__)
        return False
    return True


def _make(store: Store, policy: Policy, number: int) -> None:
    with store.reading() as tx:
        made_ready = incident_report.ready(tx, policy, number)
    with store.writing(Permit.HOUSEKEEPING, _SYSTEM) as tx:
        if number in incident_report.unmade(tx):
            incident_report.keep(tx, number, incident_report.CLOSED, made_ready)


def _sound_report(store: Store, number: int) -> None:
    alarms.sound(
        store, incident_report.subject_of(number), "report_overdue",
        f"第 {number} 次应急事件的报告已过期限，请填写原因和措施并定稿。",
        f"The report of incident {number} is overdue: write down cause and measures and make it final.",
        incident=number,
    )  # fmt: skip


def _judge_measures(store: Store, overdue: Iterable[Mapping[str, Any]]) -> None:
    late = list(overdue)
    if not late:
        alarms.silence(store, MEASURES)
        return
    alarms.sound(
        store, MEASURES, "measures_overdue",
        f"有 {len(late)} 项整改措施已过期限，最早的由 {late[0]['responsible']} 负责。",
        f"{len(late)} measures are overdue; {late[0]['responsible']} is responsible for the oldest.",
        ids=[one["id"] for one in late[:20]],
    )  # fmt: skip


def _untold(tx: Tx, policy: Policy) -> list[Timer]:
    """Who should have been told of the outage that is on, and was not; of a drill nobody outside is told."""
    number = tx.mode.incident_no
    if number is None or tx.mode.drill:
        return []
    due = incident_record.timers(tx, policy, incident_row(tx.conn, number))
    return [one.timer for one in due if one.state == "late"]


def _judge_told(store: Store, untold: Sequence[Timer]) -> None:
    """Said again when the next one is due: whoever was to be told first is not the only one any more."""
    if not untold:
        alarms.silence(store, TOLD)
        return
    zh, en = ("、".join(one.zh for one in untold), ", ".join(one.en for one in untold))
    alarms.sound(
        store, TOLD, f"untold_{untold[-1].minutes}",
        f"切换已过 {untold[-1].minutes} 分钟，还没有记下告知：{zh}。",
        f"It is {untold[-1].minutes} minutes since the switch, and nobody wrote down that they were told: {en}.",
        whom=[one.zh for one in untold],
    )  # fmt: skip
