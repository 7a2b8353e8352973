"""What a look amounts to, with those before it and with what windows say: state, verdict, evidence, alarm."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from fallback_server.domain.alerting import CRITICAL, WARNING
from fallback_server.domain.clock import to_text
from fallback_server.domain.detection import Sight, Verdict, Watch, judge, observe, together
from fallback_server.domain.usual import STEPS, Usual, limit
from fallback_server.store import alarms, centre_history, centre_look, detection
from fallback_server.store.centre_look import Concluded
from fallback_server.store.session import Tx
from sync.worker.looking import Seen

CUT_SHOWN: Final = 100
log: Any = structlog.get_logger("yj.worker")

ALARMS: Final[Mapping[Verdict, tuple[str, str, str]]] = {
    Verdict.DEAD: ("lost", "中心连不上或不正常。", "The centre cannot be reached or is not sound."),
    Verdict.STANDBY_CUT: (
        "standby_cut", "只有应急服务器连不上中心，窗口能连：查应急服务器的网络。",
        "The standby alone cannot reach the centre, windows can: look at the standby's network.",
    ),
    Verdict.LOCKED_OUT: (
        "locked_out", "中心拒绝应急服务器的账号：镜像和上传都不行，窗口不受影响。",
        "The centre refuses the standby's account: neither mirror nor upload works; windows do.",
    ),
    Verdict.WINDOWS_CUT: (
        "windows_cut", "多数窗口连不上中心，应急服务器能连：查窗口到中心的网络。",
        "Most windows cannot reach the centre, the standby can: look at the network between them.",
    ),
    Verdict.SLOW: ("slow", "中心明显变慢。", "The centre is much slower than usual."),
}  # fmt: skip
LEAVES_WINDOWS_AT_WORK: Final = (Verdict.SLOW, Verdict.STANDBY_CUT, Verdict.LOCKED_OUT)  # which wakes nobody


def conclude(tx: Tx, seen: Seen, usual: Mapping[str, Usual | None], percent: int) -> bool:
    """Write down one look and everything it changes. Returns whether the centre answered it after one that it did not.

    `percent`: of how many windows it takes to say that windows are cut off.
    """
    row = centre_look.known(tx.conn)
    standby, windows = centre_look.watches(row)
    wrote = "write" in seen.seconds or bool(row and row["memory"].get("wrote"))
    limits = {step: limit(usual.get(step)) for step in STEPS}
    sight, fault = judge(seen.as_look(), limits, has_written=wrote)
    said = detection.windows_say(tx.conn, tx.now)
    told = detection.counted(said)
    after, others = observe(standby, sight, tx.now), observe(windows, told.sight(percent), tx.now)
    if not fault and row is not None and after.state is not Sight.FINE:
        fault = row["fault"]
    was = Verdict(row["verdict"]) if row is not None else Verdict.UNKNOWN
    verdict = together(was, after, fault, others, tx.now)
    evidence = {
        "steps": [_step(step, seen.seconds.get(step), usual.get(step), limits[step]) for step in STEPS],
        "failed": seen.failed, "how": seen.how, "note": seen.note, "wrote": wrote,
        "windows": {"yes": told.yes, "no": told.no, "unknown": told.unknown, "state": others.state.value,
                    "cut": [one["code"] for one in said if one["central_ok"] is False][:CUT_SHOWN]},
    }  # fmt: skip
    begun = to_text(_begun(was, verdict, after, others) or tx.now)
    since = row["verdict_since"] if row is not None and verdict is was else begun
    memory = {"standby": after.as_json(), "windows": others.as_json(), "wrote": wrote}
    concluded = Concluded(
        after.state.value, to_text(after.since or tx.now), verdict.value, since, fault, evidence, memory
    )
    answered = None if sight in (Sight.DOWN, Sight.UNKNOWN) else sum(seen.seconds.values())
    centre_look.put(tx, answered, seen.clock_offset_seconds, seen.error or seen.version, concluded)
    centre_history.add(tx, {} if answered is None else seen.seconds, answered, told.no, told.known)
    if verdict is not was:
        _change(tx, was, verdict, since, fault, evidence)
    return standby.last is Sight.DOWN and answered is not None


def _change(tx: Tx, was: Verdict, verdict: Verdict, since: str, fault: str, evidence: Mapping[str, Any]) -> None:
    log.info("centre", verdict=verdict.value, before=was.value, fault=fault)
    centre_history.changed(tx, was.value, verdict.value, since, fault, evidence)
    if verdict is Verdict.FINE:
        alarms.turn_off(tx, alarms.CENTRE, action="centre.back")
    elif verdict in ALARMS:
        kind, zh, en = ALARMS[verdict]
        told = evidence["windows"]
        severity = WARNING if verdict in LEAVES_WINDOWS_AT_WORK else CRITICAL
        alarms.turn_on(
            tx, alarms.CENTRE, kind, zh, en, severity=severity, action=f"centre.{kind}", since=since, fault=fault,
            windows={name: told[name] for name in ("yes", "no", "unknown")},
        )  # fmt: skip


def _begun(was: Verdict, verdict: Verdict, standby: Watch, windows: Watch) -> datetime | None:
    """What windows alone had lost is over when they have it back."""
    theirs = verdict is Verdict.WINDOWS_CUT or (was is Verdict.WINDOWS_CUT and verdict is not Verdict.DEAD)
    return windows.since if theirs else standby.since


def _step(step: str, seconds: float | None, usual: Usual | None, most: float) -> dict[str, Any]:
    return {
        "step": step, "seconds": None if seconds is None else round(seconds, 4), "limit": round(most, 3),
        "usual": None if usual is None else usual.middle,
    }  # fmt: skip
