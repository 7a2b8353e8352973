"""Prints that an agent takes: handed out once, again only to who lost the answer, and no word about another printer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures_hospital import Hospital
from tests.web.test_agents import asked, enrolled

NAMED = {"workstation": "W0201", "window": "一楼收费", "role": "cashier"}


def table(hospital: Hospital, printer: str) -> None:
    entry = {**NAMED, "printers": [{"kind": "receipt", "printer": printer}]}
    assert hospital.window("admin").post("/workstations/table/entry", entry).status == 200


def well_of(hospital: Hospital) -> list[bool | None]:
    return [one["test_ok"] for one in hospital.window("admin").get("/workstations/table").json["tests"]]


@pytest.fixture
def token(hospital: Hospital) -> str:
    """Of an agent with one printer, for which a test page waits."""
    found = enrolled(hospital)
    table(hospital, "LQ-630K")
    assert asked(hospital, "/workstations/prints/tests", {}, found).status_code == 200
    return found


def take(hospital: Hospital, token: str, **who: str) -> list[str]:
    answer = asked(hospital, "/workstations/prints/take", who, token)
    assert answer.status_code == 200
    return [one["id"] for one in answer.get_json()["items"]]


def done(hospital: Hospital, token: str, job: str, ok: bool | None) -> Any:
    return asked(hospital, f"/workstations/prints/{job}/done", {"ok": ok, "detail": ""}, token).get_json()


def test_a_lost_answer_is_given_again_to_the_same_running_agent_while_it_is_fresh(
    hospital: Hospital, token: str
) -> None:
    (job,) = take(hospital, token, instance="first")
    assert take(hospital, token, instance="first") == [job]
    assert take(hospital, token, instance="started-anew") == take(hospital, token) == []
    hospital.clock.advance(11)  # the page has told somebody to look at the printer
    assert take(hospital, token, instance="first") == []


def test_what_was_reported_is_not_handed_out_again(hospital: Hospital, token: str) -> None:
    (job,) = take(hospital, token, instance="first")
    assert done(hospital, token, job, True)["state"] == "done"
    assert take(hospital, token, instance="first") == []
    assert well_of(hospital) == [True]


def test_a_command_without_an_end_leaves_the_question_to_a_person(hospital: Hospital, token: str) -> None:
    (job,) = take(hospital, token, instance="first")
    assert done(hospital, token, job, None)["state"] == "unknown"
    assert done(hospital, token, job, True)["state"] == "unknown"  # the first word counts
    assert hospital.window("cashier").get(f"/prints/silent/{job}").json["state"] == "unknown"
    assert well_of(hospital) == [None]


def test_a_test_page_says_nothing_about_the_printer_that_took_its_place(hospital: Hospital, token: str) -> None:
    (job,) = take(hospital, token, instance="first")
    table(hospital, "HP-1020")
    assert done(hospital, token, job, True)["state"] == "done"
    assert well_of(hospital) == [None]
    admin = hospital.window("admin")
    looked = {"workstation": "W0201", "kind": "receipt", "ok": True}
    assert admin.post("/workstations/tested", {**looked, "id": job}).code == "printer_unknown"
    assert well_of(hospital) == [None]
    assert admin.post("/workstations/tested", looked).status == 200  # printed by hand, on the one that is there
    assert well_of(hospital) == [True]
