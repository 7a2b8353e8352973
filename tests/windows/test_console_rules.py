"""What to do next, who, by when: the first thing IT reads at three in the morning, as a table of situations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fallback_server.windows.console.rules import (
    NOW,
    SOON,
    WAIT,
    Facts,
    Return,
    Situation,
    checklist,
    next_steps,
)

FINE = Situation("normal", centre="fine")
ON = Situation("emergency", incident_no=3, centre="down", centre_since="2026-11-23T08:00:00.000+08:00")
BACK = Situation("returning", incident_no=3, centre="fine", grace_until="g", hold_until="h")
OVER = Return(3, "closing", documents=9, clean=9)
UPLOADED = Return(3, "reconciling", documents=9, account=True)


def with_return(one: Return, **more: Any) -> Situation:
    return replace(FINE, returns=(one,), **more)


TABLE: list[tuple[str, Situation, list[tuple[str, str]]]] = [
    ("all well", FINE, []),
    ("never looked at the centre", Situation("normal"), []),
    ("the centre is away", replace(FINE, centre="down"), [("switch_on", NOW)]),
    ("the centre is slow", replace(FINE, centre="slow"), [("watch_slow", SOON)]),
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


def row(**fields: Any) -> dict[str, Any]:
    """An incident as stored, on the way the fields say."""
    names = ("confirmed_at", "confirmed_by", "ended_at", "ended_by", "ended_approver", "released_at", "closed_at")
    return {
        "incident_no": 3, "drill": False, "epoch": 5, "state": "open", "opened_by": "0701",
        "opened_at": "2026-11-23T08:30:00.000+08:00", **dict.fromkeys(names), **fields,
    }  # fmt: skip


def facts(incident: dict[str, Any], documents: int = 4, **more: Any) -> Facts:
    progress = {"documents": documents, "confirmed": 0, "settled": 0, "clean": documents}
    return Facts(incident, more.pop("events", {}), progress, None, (0, 0, None), (0, 0, None), (0, 0), **more)


def test_the_checklist_of_an_open_outage_has_one_line_done() -> None:
    items = checklist(facts(row()))
    assert [one.code for one in items if one.done] == ["opened"]
    assert {one.code for one in items} >= {
        "confirmed",
        "ended",
        "preflight",
        "clean",
        "released",
        "signed_it",
        "closed",
    }


def test_a_drill_needs_no_confirmation_no_upload_and_no_signature() -> None:
    assert [one.code for one in checklist(facts(row(drill=True)))] == ["opened", "ended", "released", "closed"]


def test_an_outage_without_documents_has_nothing_to_upload_or_agree() -> None:
    assert [one.code for one in checklist(facts(row(), documents=0))] == [
        "opened", "confirmed", "ended", "released", "closed",
    ]  # fmt: skip


def test_minutes_are_counted_from_the_step_before() -> None:
    done = row(ended_at="2026-11-23T10:15:00.000+08:00", ended_by="0801", ended_approver="0601")
    ended = next(one for one in checklist(facts(done)) if one.code == "ended")
    assert (ended.minutes, ended.who) == (105, "0801、0601")
