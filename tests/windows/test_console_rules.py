"""What to do next, who, by when: the first thing IT reads at three in the morning, as a table of situations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fallback_server.windows.console.rules import (
    NOW,
    SOON,
    WAIT,
    Return,
    Situation,
    Tell,
    Unreported,
    next_steps,
)

FINE = Situation("normal", centre="fine")
ON = Situation("emergency", incident_no=3, centre="dead", centre_since="2026-11-23T08:00:00.000+08:00")
BACK = Situation("returning", incident_no=3, centre="fine", grace_until="g", hold_until="h")
OVER = Return(3, "closing", documents=9, clean=9)
UPLOADED = Return(3, "reconciling", documents=9, account=True)


def with_return(one: Return, **more: Any) -> Situation:
    return replace(FINE, returns=(one,), **more)


TABLE: list[tuple[str, Situation, list[tuple[str, str]]]] = [
    ("all well", FINE, []),
    ("never looked at the centre", Situation("normal"), []),
    ("the centre is away", replace(FINE, centre="dead"), [("switch_on", NOW)]),
    ("the centre is slow", replace(FINE, centre="slow"), [("watch_slow", SOON)]),
    ("windows are cut off", replace(FINE, centre="windows_cut", windows_cut=38, windows_known=40),
     [("windows_cut", NOW)]),
    ("the standby alone is cut off", replace(FINE, centre="standby_cut"), [("standby_cut", SOON)]),
    ("the standby's account is refused", replace(FINE, centre="locked_out"), [("locked_out", NOW)]),
    ("somebody stopped switching by itself", replace(FINE, switching_stopped=True), [("switching_stopped", SOON)]),
    ("an outage in which windows are cut off", replace(ON, centre="windows_cut"), [("wait_centre", WAIT)]),
    ("no mirror", replace(FINE, failing=("mirror",)), [("mend_mirror", NOW)]),
    ("the worker is dead", replace(FINE, failing=("worker",)), [("mend_worker", NOW)]),
    ("a held run", replace(FINE, held_runs=(7,)), [("mirror_held", SOON)]),
    ("just switched on", replace(ON, confirm_by="t"), [("confirm", SOON), ("wait_centre", WAIT)]),
    ("not confirmed", replace(ON, confirm_by="t", confirm_overdue=True), [("confirm", NOW), ("wait_centre", WAIT)]),
    ("windows missing", replace(ON, missed=2), [("windows_late", NOW), ("wait_centre", WAIT)]),
    ("the centre is back", replace(ON, centre="fine"), [("switch_off", SOON)]),
    ("an old copy in an outage is frozen, not broken", replace(ON, failing=("mirror",)), [("wait_centre", WAIT)]),
    ("a drill", replace(ON, drill=True), [("end_drill", WAIT)]),
    ("a drill over an old mirror", replace(ON, drill=True, failing=("mirror",)),
     [("mend_mirror", SOON), ("end_drill", WAIT)]),
    ("grace", BACK, [("wait_grace", WAIT)]),
    ("hold", replace(BACK, grace_over=True), [("wait_release", WAIT)]),
    ("windows that did not go back", replace(FINE, missed=1), [("windows_late", SOON)]),
    ("to upload", with_return(OVER), [("upload", SOON)]),
    ("uploading", with_return(replace(OVER, at_work=True)), [("upload_runs", WAIT)]),
    ("paused", with_return(replace(OVER, paused=True)), [("upload_go", SOON)]),
    ("stuck", with_return(replace(OVER, run_state="broken")), [("upload_broken", NOW)]),
    ("refused", with_return(replace(OVER, run_state="refused")), [("upload_broken", NOW)]),
    ("nothing was done", with_return(Return(3, "closing")), [("upload", SOON)]),
    ("conflicts and clean ones", with_return(replace(OVER, conflicts=2)), [("upload", SOON), ("conflicts", SOON)]),
    ("only conflicts", with_return(Return(3, "reconciling", 9, conflicts=2)), [("conflicts", SOON)]),
    ("decided, to be sent again", with_return(Return(3, "reconciling", 9, clean=1)), [("upload", SOON)]),
    ("no account yet", with_return(replace(UPLOADED, account=None)), [("reconcile", SOON)]),
    ("an account of before the decisions", with_return(replace(UPLOADED, account=False, stale=1)),
     [("reconcile", SOON)]),
    ("differences", with_return(replace(UPLOADED, account=False, explainable=2)), [("explain", SOON)]),
    ("balanced", with_return(UPLOADED), [("sign_it", SOON), ("sign_finance", SOON)]),
    ("IT has signed", with_return(replace(UPLOADED, signed=frozenset({"it"}))), [("sign_finance", SOON)]),
    ("a second outage stops the first one's upload", replace(ON, returns=(OVER,)), [("wait_centre", WAIT)]),
    ("but not its decisions", replace(ON, returns=(replace(OVER, conflicts=1),)),
     [("conflicts", SOON), ("wait_centre", WAIT)]),
    ("the oldest first", replace(FINE, returns=(replace(OVER, incident_no=2), UPLOADED)),
     [("upload", SOON), ("sign_it", SOON), ("sign_finance", SOON)]),
]  # fmt: skip


@pytest.mark.parametrize(("now", "steps"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_situation_has_its_next_steps_in_order(now: Situation, steps: list[tuple[str, str]]) -> None:
    assert [(one.code, one.level) for one in next_steps(now)] == steps


def test_every_step_says_who_and_where_or_how() -> None:
    for name, now, _ in TABLE:
        for step in next_steps(now):
            assert step.who, name
            assert step.place or step.code.startswith("mend_"), name


def test_deadlines_are_those_of_the_switch() -> None:
    assert next_steps(replace(ON, confirm_by="09:30"))[0].by == "09:30"
    assert next_steps(BACK)[0].by == "g"
    assert next_steps(replace(BACK, grace_over=True))[0].by == "h"


TOLD = Tell("总值班", "duty director", 10, "09:40", late=True)
NEXT = Tell("分管院领导", "hospital leader", 30, "10:00", late=False)
LATER = Tell("卫生健康主管部门", "health authority", 60, "10:30", late=False)


def test_who_must_be_told_is_asked_for_when_it_is_due_and_the_next_one_is_announced() -> None:
    steps = [one for one in next_steps(replace(ON, tells=(TOLD, NEXT, LATER))) if one.code == "tell"]
    assert [(one.level, one.by, one.part) for one in steps] == [(NOW, "09:40", "-10"), (SOON, "10:00", "-30")]
    drill = next_steps(replace(ON, drill=True, tells=(TOLD,)))
    assert [one.level for one in drill if one.code == "tell"] == [WAIT]


def test_the_report_and_overdue_measures_are_owed_until_they_are_done_but_never_in_an_outage() -> None:
    owed = {"reports": (Unreported(3, "d", False), Unreported(2, "c", True)), "measures": 2, "measures_of": 2}
    steps = [(one.code, one.level, one.by) for one in next_steps(replace(FINE, **owed))]
    assert steps == [("report", NOW, "c"), ("report", SOON, "d"), ("measures", SOON, None)]
    assert [one.code for one in next_steps(replace(ON, **owed))] == ["wait_centre"]
