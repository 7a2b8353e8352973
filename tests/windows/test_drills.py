"""Drills: planned, begun, timed, ended by two, certified; marked everywhere; over at once for a real outage."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import openpyxl
import pytest

from clients.pages import PAGES_DIR
from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain.clock import SettableClock, to_text
from fallback_server.domain.drills import self_test_due
from fallback_server.domain.modes import Permit
from fallback_server.store import audit, drills
from fallback_server.store.mode_switch import advance
from fallback_server.store.session import Store
from fallback_server.windows import all_pages
from tests.fixtures_hospital import MONDAY, PASSWORD, Hospital, Window, centre_id
from tests.pages.busy_day import BusyDay, busy_day
from tests.pages.test_every_page import address, someone

PLAN = {
    "title": "秋季演练", "objectives": "五分钟内全部切换", "planned_for": "2026-11-23 08:30",
    "people": ["门诊收费处", "药房"], "workstations": ["W0201", "W0101", "W0999"], "observers": ["审计科 沈"],
}  # fmt: skip
SECOND = {"operator": "0601", "password": PASSWORD}
OUTAGE = {"cause": "storage", "reason": "真的坏了"}


@pytest.fixture
def hospital(store: Store, clock: SettableClock, store_url: str, hospital_settings: Settings) -> Hospital:
    """The same hospital with its pages."""
    return Hospital(store_url, clock, store, create_app(hospital_settings, clock, PAGES_DIR, store=store))


def planned(hospital: Hospital, **more: Any) -> str:
    made = hospital.window("admin").post("/drills", {**PLAN, **more})
    assert made.status == 201, made.json
    return str(made.json["id"])


def started(hospital: Hospital, number: str) -> int:
    begun = hospital.window("admin").post(f"/drills/{number}/start")
    assert begun.status == 200, begun.json
    return int(begun.json["incident_no"])


def acknowledge(hospital: Hospital, who: str, role: str) -> None:
    window = hospital.window(who)
    epoch = window.get("/mode").json["epoch"]
    body = {"workstation": f"W{window.operator}", "role": role, "epoch": epoch, "clock": to_text(hospital.clock.now())}
    assert window.post("/workstations/heartbeat", body).status == 200


def register(window: Window) -> Any:
    return window.post(
        "/registrations",
        {"patient_id": centre_id("patient", "P1001"), "department_code": "NK", "type_code": "PT",
         "payments": [{"method": "cash", "amount": "10.00"}]},
    )  # fmt: skip


def ended(hospital: Hospital) -> None:
    off = hospital.window("admin").post("/mode/normal", {"upload": False, "approver": SECOND})
    assert off.status == 200, off.json
    hospital.clock.advance(300)
    assert advance(hospital.store) is not None


def test_a_drill_is_planned_timed_ended_by_two_and_certified(hospital: Hospital) -> None:
    for who in ("cashier", "registrar"):
        hospital.window(who)  # they were there before it began
    number = planned(hospital)
    incident_no = started(hospital, number)
    hospital.clock.advance(5)
    acknowledge(hospital, "registrar", "registrar")
    hospital.clock.advance(7)
    acknowledge(hospital, "cashier", "cashier")
    wider = {"departments": ["NK", "EK"], "reason": "儿科也参加"}
    assert hospital.window("admin").post("/mode/scope", wider).status == 200
    hospital.clock.advance(48)
    acknowledge(hospital, "registrar", "registrar")  # who knows of it a second time knew before
    assert register(hospital.window("registrar")).status == 201
    found = hospital.window("supervisor").post(
        f"/drills/{number}/findings",
        {"kind": "problem", "text": "三号窗口没有人会切换", "owner": "门诊办", "due_on": "2026-12-01"},
    )
    assert found.status == 201
    (finding,) = found.json["findings"]
    assert (finding["done_at"], finding["overdue"]) == (None, False)
    mended = hospital.window("duty").post(f"/findings/{finding['id']}/done", {"note": "已培训"})
    assert (mended.status, mended.json["findings"][0]["done_by"]) == (200, "0701")
    again = hospital.window("duty").post(f"/findings/{finding['id']}/done", {"note": "已培训"})
    assert (again.code, hospital.window("duty").post("/findings/99/done", {"note": "x"}).code) == (
        "already_done", "finding_not_found",
    )  # fmt: skip
    admin = hospital.window("admin")
    assert admin.post("/mode/normal", {"upload": False}).code == "second_person_required"
    assert admin.post(f"/drills/{number}/rehearsals").code == "drill_not_over"
    hospital.clock.advance(540)
    ended(hospital)
    one = admin.get(f"/drills/{number}").json
    figures = one["measures"]
    assert (one["state"], one["incident_no"], one["ended_approver"]) == ("ended", incident_no, "0601")
    assert figures["switch"]["last_seconds"] == 12 and figures["switch"]["missing"] == ["W0999"]
    assert figures["first"] == {"registration": 60, "receipt": None, "prescription": None, "handover": None}
    shown = {row["workstation"]: (row["switched"], row["registration"], row["receipt"]) for row in figures["windows"]}
    assert shown == {"W0101": (5, 60, None), "W0201": (12, None, None), "W0999": (None, None, None)}
    assert (figures["seconds"], figures["back_seconds"], figures["total"]) == (600, 300, "10.00")
    assert [row["operator"] for row in figures["people"]] == ["0101"]
    assert figures["documents"] == {"registration": 1, "charge": 1}
    with hospital.app.test_client() as client:
        paper = client.get(f"/print/drill/{number}", headers={"Authorization": f"Bearer {admin.token}"})
        words = paper.get_data(as_text=True)
    for needed in (
        "演练 DRILL",
        "秋季演练",
        "门诊收费处",
        "审计科 沈",
        "三号窗口没有人会切换",
        "已培训",
        "0:12",
        "W0999",
        "0601",
        f"YL-{number}",
    ):
        assert needed in words, needed
    assert one["cut_off_by"] is None and "打断" not in words
    with hospital.store.reading() as tx:
        assert audit.head(tx.conn)[1] in words and audit.verify(tx.conn)[1] == []


def test_a_plan_is_carried_out_once_or_called_off(hospital: Hospital) -> None:
    admin, off = hospital.window("admin"), planned(hospital)
    assert hospital.window("cashier").post("/drills", PLAN).code == "forbidden"
    assert admin.post("/drills", {**PLAN, "departments": ["没有"]}).code == "unknown_department"
    assert admin.post("/drills", {**PLAN, "planned_for": "tomorrow"}).code == "invalid_request"
    assert admin.post(f"/drills/{off}/call-off", {"reason": "当天有检查"}).json["state"] == "called_off"
    assert admin.post(f"/drills/{off}/start").code == "drill_not_waiting"
    assert admin.post(f"/drills/{off}/findings", {"kind": "good", "text": "x"}).code == "drill_not_waiting"
    only = planned(hospital, departments=["NK"])
    started(hospital, only)
    assert admin.get("/mode").json["scope"] == ["NK"]
    assert admin.post(f"/drills/{planned(hospital)}/start").code == "wrong_state"
    assert admin.post("/drills/99/start").code == "drill_not_found"
    assert admin.post("/self-tests").code == "self_test_mode"


def test_a_drill_that_nobody_planned_is_on_record_too(hospital: Hospital) -> None:
    on = hospital.window("duty").post("/mode/emergency", {**OUTAGE, "reason": "临时演练", "drill": True})
    rows = hospital.window("admin").get("/drills").json["items"]
    assert [(row["title"], row["state"], row["incident_no"]) for row in rows] == [
        ("临时演练", "running", on.json["incident_no"])
    ]


def test_in_the_middle_of_a_drill_one_act_of_one_person_opens_the_real_incident(hospital: Hospital) -> None:
    number = planned(hospital)
    drill = started(hospital, number)
    slip = register(hospital.window("registrar")).json
    real = hospital.window("duty").post("/mode/emergency", OUTAGE)
    assert (real.json["mode"], real.json["drill"], real.json["incident_no"]) == ("emergency", False, drill + 1)
    one = hospital.window("admin").get(f"/drills/{number}").json
    assert (one["state"], one["ended_by"]) == ("ended", "0701")
    assert one["cut_off_by"] == drill + 1
    with hospital.app.test_client() as client:
        bearer = {"Authorization": f"Bearer {hospital.window('admin').token}"}
        paper = client.get(f"/print/drill/{number}", headers=bearer).get_data(as_text=True)
    assert f"被真实故障（第 {drill + 1} 次应急事件）打断" in paper
    # What the drill left behind is in nobody's way, and in nobody's list.
    assert hospital.window("cashier").get("/registrations", department_code="NK", status="paused").json["items"] == []
    assert hospital.window("cashier").post(f"/registrations/{slip['id']}/cancel", {"reason": "x"}).code in (
        "drill_mismatch", "incident_closed",
    )  # fmt: skip
    assert register(hospital.window("registrar")).status == 201
    states = {row["incident_no"]: row["state"] for row in hospital.outbox()}
    assert states == {drill: "fenced", drill + 1: "pending"}
    with hospital.store.reading() as tx:
        assert drills.last_ended(tx.conn) is None  # cut off, it tried nothing of the way back


PAGES = [page for group in all_pages() for page in group.pages]
# These need an account, or a drill that is over: their marks are looked at by the tests that make one.
NEEDS_MORE = {"/print/reconciliation/{incident_no}", "/print/drill/{drill}"}


def test_every_page_and_every_paper_of_a_drill_is_marked(hospital: Hospital) -> None:
    """Of a page the server gives the mark, by which its band says DRILL; a paper has the word itself."""
    day = busy_day(hospital, drill=True)
    looked_at = [page for page in PAGES if page.path not in NEEDS_MORE]
    assert len([page for page in looked_at if page.size]) >= 7 and len(looked_at) > 20
    marks = {page.path: MARKED[page.size is not None].search(shown(hospital, page, day)) for page in looked_at}
    assert [path for path, mark in marks.items() if mark is None] == []
    with hospital.app.test_client() as client:
        assert MARKED[False].search(client.get("/triage/display?department_code=NK").get_data(as_text=True))


MARKED = {
    False: re.compile(r"<body[^>]* data-drill"),
    True: re.compile(r'<body class="paper[^"]* drill".*<div class="mark">演练 DRILL<', re.DOTALL),
}


def shown(hospital: Hospital, page: Any, day: BusyDay) -> str:
    who = someone(page)
    with hospital.app.test_client() as client:
        bearer = {"Authorization": f"Bearer {hospital.window(who).token}"} if who else {}
        answer = client.get(address(page, day), headers=bearer)
    assert answer.status_code == 200, (page.path, answer.status_code)
    return answer.get_data(as_text=True)


def test_a_workbook_of_a_drill_says_so_in_its_first_line(hospital: Hospital) -> None:
    day = busy_day(hospital, drill=True)
    with hospital.app.test_client() as client:
        bearer = {"Authorization": f"Bearer {hospital.window('auditor').token}"}
        answer = client.get(f"/console/incidents/{day.incident}/account.xlsx", headers=bearer)
    book = openpyxl.load_workbook(io.BytesIO(answer.get_data()), read_only=True)
    assert "演练 DRILL" in str(next(book.worksheets[0].values)[0])


def test_a_paper_of_the_centre_is_not_printed_in_a_drill(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    paper = centre_id("open_prescription", "3002")
    assert hospital.window("pharmacist").post(f"/prescriptions/{paper}/prints").code == "drill_touches_open_work"
    assert hospital.window("pharmacist").post(
        f"/prescriptions/{paper}/handover", {"checked_by": "0402"}
    ).code == "drill_touches_open_work"  # fmt: skip


class Rules:
    """[drill] as it comes."""

    self_test_day = "sun"
    self_test_at = "03:30"


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        (timedelta(days=6, hours=-5), timedelta(days=-1), True),  # Sunday, half past three
        (timedelta(days=6, hours=-4), timedelta(days=6, hours=-5), False),  # it has just begun
        (timedelta(days=6, hours=4), timedelta(days=-1), False),  # the morning belongs to the windows
        (timedelta(days=5, hours=-5), timedelta(days=-1), False),  # Saturday
        (timedelta(days=8, hours=-5), timedelta(days=-1), True),  # Tuesday: Sunday went by with the machine off
    ],
)
def test_the_self_test_runs_once_a_week_at_its_hour(now: timedelta, last: timedelta, due: bool) -> None:
    assert self_test_due(MONDAY + now, MONDAY + last, Rules()) is due
    Rules.self_test_day = "never"
    assert not self_test_due(MONDAY + now, MONDAY + last, Rules())
    Rules.self_test_day = "sun"


def test_a_store_made_today_is_tested_at_the_next_hour_of_its_own(hospital: Hospital) -> None:
    with hospital.store.writing(Permit.HOUSEKEEPING) as tx:
        assert to_text(drills.last_self_test_began(tx.conn)) == to_text(MONDAY)


@pytest.mark.parametrize("when", ["2026-02-31 08:30", "\uff12026-11-23 08:30", "2026-11-23 8:30 ", "2026-11-23X08:30"])
def test_a_drill_is_planned_for_a_day_and_an_hour_that_there_are(hospital: Hospital, when: str) -> None:
    refused = hospital.window("admin").post("/drills", {**PLAN, "planned_for": when})
    assert (refused.status, refused.code) == (422, "invalid_request")
