"""What may be asked of the console; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState

SIGNERS = {"it": "admin", "finance": "supervisor"}
RETURNABLE = (IncidentState.CLOSING, IncidentState.UPLOADING, IncidentState.RECONCILING)


def require_returnable(state: str, drill: bool, *, closed_too: bool = False) -> None:
    """An upload or an account needs an incident that has ended and is not closed, and no drill.

    With `closed_too` a closed one passes: its account stays readable.
    """
    if drill:
        raise YjError("drill_fenced")
    if state == IncidentState.CLOSED.value:
        if closed_too:
            return
        raise YjError("incident_closed")
    if IncidentState(state) not in RETURNABLE:
        raise YjError("incident_open", state=state)


def require_number(text: str) -> int:
    """The number in a path; anything that is none cannot exist."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise YjError("not_found")
    return int(text)


def confirmation(incident: Mapping[str, Any], within_minutes: int, now: datetime) -> dict[str, Any]:
    """Until when a second person should confirm the switch-on, and whether that is overdue; a drill needs nobody."""
    if incident["confirmed_at"] is not None or incident["drill"]:
        return {"confirm_by": None, "confirm_overdue": False}
    due = from_text(incident["opened_at"]) + timedelta(minutes=within_minutes)
    return {"confirm_by": to_text(due), "confirm_overdue": now > due}


def require_signer(signed_as: str, roles: frozenset[str]) -> None:
    """IT signs as an administrator, finance as a supervisor."""
    if SIGNERS[signed_as] not in roles:
        raise YjError("forbidden", roles=SIGNERS[signed_as])


# --- what to do next ------------------------------------------------------------------------------------------------
NOW, SOON, WAIT = "now", "soon", "wait"
_RANK = {NOW: 0, SOON: 1, WAIT: 2}
SWITCHERS = ("admin", "duty")
DECIDERS = ("admin", "duty", "supervisor")


@dataclass(frozen=True)
class Step:
    """One thing to do: `code` names the sentence, `who` the roles that may, `by` until when (a time, or None).

    `level`: now (people wait for it), soon (today), wait (nothing to do but to watch). `place` is the page to go to;
    `part` tells several of one code apart. A value may be a pair of words.
    """

    code: str
    level: str
    who: tuple[str, ...]
    place: str
    by: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    part: str = ""


@dataclass(frozen=True)
class Tell:
    """Somebody who must be told of the outage that is on: both names, by when, and whether that is over."""

    zh: str
    en: str
    minutes: int
    due_at: str
    late: bool


@dataclass(frozen=True)
class Unreported:
    """A closed outage whose report is not final."""

    incident_no: int
    due_at: str
    overdue: bool


@dataclass(frozen=True)
class Return:
    """One outage that is over and not signed off: how far its way back is.

    `account`: None before the first, else whether it balances; `explainable` differences still want a sentence,
    `stale` ones a new account, because they go away by uploading or deciding.
    """

    incident_no: int
    state: str
    documents: int = 0
    clean: int = 0
    conflicts: int = 0
    at_work: bool = False
    paused: bool = False
    run_code: str = ""
    run_state: str = ""
    account: bool | None = None
    explainable: int = 0
    stale: int = 0
    signed: frozenset[str] = frozenset()
    left: int = 0  # drugs to dispense in the HIS, states of the hall, refund wishes


@dataclass(frozen=True)
class Situation:
    """All that the next steps depend on; nothing in it is asked of the centre."""

    mode: str
    drill: bool = False
    incident_no: int | None = None
    grace_until: str | None = None
    grace_over: bool = False
    hold_until: str | None = None
    upload_wanted: bool = False
    confirm_by: str | None = None
    confirm_overdue: bool = False
    centre: str = "unknown"  # what standby and windows say together: domain.detection.Verdict
    centre_since: str | None = None
    windows_cut: int = 0
    windows_known: int = 0
    switching_stopped: bool = False  # switching by itself, where the hospital wants that
    missed: int = 0
    failing: tuple[str, ...] = ()
    held_runs: tuple[int, ...] = ()
    returns: tuple[Return, ...] = ()
    unsigned: int = 0
    unsigned_by: str | None = None
    tells: tuple[Tell, ...] = ()
    reports: tuple[Unreported, ...] = ()
    measures: int = 0  # overdue ones
    measures_of: int | None = None  # the incident of the oldest of them


def next_steps(now: Situation) -> list[Step]:
    """What to do next, the most urgent first; of two equally urgent ones the one that comes first in an outage."""
    steps = [*_switch(now), *_tell(now), *_windows(now), *_standby(now)]
    outage = now.mode == "emergency" and not now.drill
    for one in now.returns:
        steps += _way_back(one, outage=outage)
    steps += [] if outage else _reported(now)
    return sorted(steps, key=lambda step: _RANK[step.level])


def _switch(now: Situation) -> list[Step]:
    number = {"no": now.incident_no, "since": now.centre_since}
    if now.mode == "normal":
        return [*_centre(now, number), *_stopped(now)]
    if now.mode == "returning":
        if not now.grace_over:
            return [Step("wait_grace", WAIT, SWITCHERS, "switch", now.grace_until, number)]
        return [Step("wait_release", WAIT, SWITCHERS, "switch", now.hold_until, number)]
    steps = []
    if now.confirm_by is not None:
        level = NOW if now.confirm_overdue else SOON
        steps.append(Step("confirm", level, DECIDERS, "switch", now.confirm_by, number))
    if now.drill:
        steps.append(Step("end_drill", WAIT, SWITCHERS, "switch", values=number))
    elif now.centre == "fine":
        steps.append(Step("switch_off", SOON, SWITCHERS, "switch", values=number))
    else:
        steps.append(Step("wait_centre", WAIT, SWITCHERS, "switch", values=number))
    return steps


def _tell(now: Situation) -> list[Step]:
    """Those who should have been told by now, and the next who will have to be."""
    late = [one for one in now.tells if one.late]
    coming = [one for one in now.tells if not one.late][:1]
    return [
        Step(
            "tell", WAIT if now.drill else NOW if one.late else SOON, DECIDERS, "record", one.due_at,
            {"no": now.incident_no, "whom": (one.zh, one.en)}, f"-{one.minutes}",
        )
        for one in (*late, *coming)
    ]  # fmt: skip


def _reported(now: Situation) -> list[Step]:
    """What is owed when an outage is over: its report, and the measures that were promised in it."""
    steps = [
        Step("report", NOW if one.overdue else SOON, DECIDERS, "record", one.due_at, {"no": one.incident_no})
        for one in now.reports
    ]
    if now.measures:
        steps.append(
            Step("measures", SOON, DECIDERS, "record", values={"no": now.measures_of, "n": now.measures})
        )  # fmt: skip
    return steps


def _centre(now: Situation, number: Mapping[str, Any]) -> list[Step]:
    """What the state of the centre proposes while windows work at it; only the first wants everybody in YJ."""
    match now.centre:
        case "dead":
            return [Step("switch_on", NOW, SWITCHERS, "switch", values=number)]
        case "windows_cut":
            told = {**number, "n": now.windows_cut, "all": now.windows_known}
            return [Step("windows_cut", NOW, SWITCHERS, "detection", values=told)]
        case "locked_out":
            return [Step("locked_out", NOW, SWITCHERS, "detection", values=number)]
        case "standby_cut":
            return [Step("standby_cut", SOON, ("admin",), "detection", values=number)]
        case "slow":
            return [Step("watch_slow", SOON, SWITCHERS, "detection", values=number)]
        case _:
            return []


def _stopped(now: Situation) -> list[Step]:
    return [Step("switching_stopped", SOON, SWITCHERS, "detection")] if now.switching_stopped else []


def _windows(now: Situation) -> list[Step]:
    if not now.missed:
        return []
    return [Step("windows_late", SOON if now.mode == "normal" else NOW, DECIDERS, "windows", values={"n": now.missed})]


_PLACE = {"mirror": "mirror", "operators": "operators", "night_shift": "operators"}


def _standby(now: Situation) -> list[Step]:
    """What keeps it from taking over (or from coming back) must be mended while there is time."""
    level = NOW if now.mode == "normal" else SOON
    # In an outage the copy grows old because it is frozen: there is nothing to mend.
    failing = [check for check in now.failing if check != "mirror" or now.mode == "normal" or now.drill]
    steps = [Step(f"mend_{check}", level, ("admin",), _PLACE.get(check, "readiness")) for check in failing]
    if now.unsigned:
        steps.append(Step("countersign", SOON, DECIDERS, "operators", now.unsigned_by, {"n": now.unsigned}))
    if now.held_runs:
        steps.append(Step("mirror_held", SOON, ("admin",), "mirror", values={"n": len(now.held_runs)}))
    return steps


def _way_back(one: Return, *, outage: bool) -> list[Step]:
    no = {"no": one.incident_no}
    steps = []
    if one.conflicts:
        steps.append(Step("conflicts", SOON, DECIDERS, "conflicts", values={**no, "n": one.conflicts}))
    if outage:
        return steps  # the upload of an older outage waits for the end of this one; decisions need not
    if one.state in ("closing", "uploading"):
        return [*_upload(one, no), *steps]
    if one.conflicts or one.clean:
        return [*_upload(one, no), *steps] if one.clean else steps
    # Windows do it, not the console; it outlives the signatures and bars none.
    left = [Step("after", WAIT, DECIDERS, "incidents", values={**no, "n": one.left})] if one.left else []
    return [*steps, *_account(one, no), *left]


def _upload(one: Return, no: Mapping[str, Any]) -> list[Step]:
    values = {**no, "n": one.clean}
    if one.paused:
        return [Step("upload_go", SOON, SWITCHERS, "upload", values=values)]
    if one.at_work:
        return [Step("upload_runs", WAIT, SWITCHERS, "upload", values=values)]
    if one.run_state in ("refused", "broken"):
        return [Step("upload_broken", NOW, ("admin",), "upload", values={**values, "run": one.run_code})]
    if one.clean or (not one.conflicts and one.documents) or not one.documents:
        return [Step("upload", SOON, SWITCHERS, "upload", values=values)]
    return []


def _account(one: Return, no: Mapping[str, Any]) -> list[Step]:
    if one.account is None or one.stale:
        return [Step("reconcile", SOON, DECIDERS, "account", values=no)]
    if one.explainable:
        return [Step("explain", SOON, DECIDERS, "account", values={**no, "n": one.explainable})]
    if not one.account:
        return [Step("reconcile", SOON, DECIDERS, "account", values=no)]
    return [
        Step(f"sign_{name}", SOON, (role,), "account", values=no)
        for name, role in SIGNERS.items()
        if name not in one.signed
    ]
