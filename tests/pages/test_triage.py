"""The triage nurse's day with the keyboard alone, and what the waiting hall reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import centre_id
from tests.pages.hand import Hand

pytestmark = pytest.mark.browser
NAMES = {"P1001": "王芳", "P1003": "张伟", "P1006": "SMITH JOHN", "P1007": "王凤"}


def registered(standby: Standby, patient_no: str, department: str = "NK", **more: Any) -> str:
    """A visit of a patient of the cast; returns its id."""
    body = {
        "patient_id": centre_id("patient", patient_no), "department_code": department, "type_code": "PT",
        "payments": [{"method": "cash", "amount": "10.00"}], **more,
    }  # fmt: skip
    reply = standby.hospital.window("registrar").post("/registrations", body)
    assert reply.status == 201, reply.json
    return str(reply.json["id"])


def states(standby: Standby, department: str = "NK") -> dict[str, str]:
    """Patient → state, of everybody in the hall of a department."""
    lanes = standby.hospital.window("0501").get("/triage/queue", department_code=department).json
    return {visit["patient_name"]: visit["status"] for lane in ("yj", "centre") for visit in lanes[lane]}


@pytest.fixture
def hall(standby: Standby) -> Standby:
    """Three YJ patients paused in internal medicine, one grave one waiting, and the centre's own two."""
    standby.hospital.emergency()
    for patient_no in ("P1001", "P1006"):
        registered(standby, patient_no)
    registered(standby, "P1007", triage_level=2)
    return standby


@pytest.fixture
def nurse(hall: Standby, desk: Callable[..., Desk]) -> Hand:
    """The nurse's desk in internal medicine, the cursor on the first YJ patient."""
    hand = Hand(desk("triage", "/triage", station="W0501").page)
    return hand.at("#department").choose("nk", of="内科门诊").at("#yj-lane tr")


def test_two_lanes_the_grave_first_the_others_paused(nurse: Hand) -> None:
    page = nurse.page
    rows = page.locator("#yj-lane tbody tr").all_inner_texts()
    assert [name for row in rows for name in NAMES.values() if name in row] == ["王凤", "王芳", "SMITH JOHN"]
    assert "候诊" in rows[0] and "暂停" in rows[1] and "暂停" in rows[2]
    assert "过敏：青霉素过敏" in page.inner_text("#yj-lane .allergy")
    assert "张伟" in page.inner_text("#centre-lane") and "欧阳修文" not in page.inner_text("#centre-lane")
    assert "暂停 2" in page.inner_text("#yj-count")


def test_one_is_called_is_absent_is_called_again_and_seen(hall: Standby, nurse: Hand) -> None:
    page = nurse.page
    for key, words, state in (
        ("F6", "已叫 3 号 王凤", "called"),
        ("F7", "过号", "absent"),
        ("Enter", "已叫", "called"),
    ):
        nurse.press(key)
        page.wait_for_selector(f"#said:has-text('{words}')")
        assert states(hall)["王凤"] == state
        nurse.at("#yj-lane tr")
    nurse.press("F8")
    page.wait_for_selector("#said:has-text('就诊完成')")
    page.wait_for_selector("#yj-lane tr:has-text('王凤')", state="detached")
    nurse.at("#yj-lane tr")
    page.check("#with-seen")
    page.wait_for_selector("#yj-lane tr.seen:has-text('王凤')")


def test_one_paused_is_resumed_then_all(hall: Standby, nurse: Hand) -> None:
    page = nurse.page
    nurse.press("ArrowDown").press("F9")
    page.wait_for_selector("#said:has-text('恢复候诊')")
    assert states(hall) == {"王凤": "waiting", "王芳": "waiting", "SMITH JOHN": "paused", "张伟": "waiting"}
    registered(hall, "P1003")
    page.wait_for_selector("#yj-lane tr:has-text('张伟')")  # nobody pressed anything
    nurse.press("F10")
    nurse.dialog("全部 2 位")
    nurse.press("Enter").alone()
    page.wait_for_selector("#said:has-text('已恢复 2 位')")
    assert set(states(hall).values()) == {"waiting"}
    assert page.locator("#resume-all").is_disabled()


def test_one_goes_to_another_department_and_its_doctor(hall: Standby, nurse: Hand) -> None:
    page = nurse.page
    nurse.press("ArrowDown").press("F4")
    nurse.dialog("王芳 转到哪个科室")
    nurse.choose("EK", of="儿科门诊").press("Enter")
    nurse.dialog("哪位医生")
    nurse.press("ArrowDown").press("Enter").alone()
    page.wait_for_selector("#said:has-text('已转到 儿科门诊 周小红')")
    assert states(hall, "EK")["王芳"] == "paused" and "王芳" not in states(hall)


def test_a_doctor_is_changed_and_the_old_one_does_not_go_along_to_another_door(hall: Standby, nurse: Hand) -> None:
    page = nurse.page
    nurse.press("F4")
    nurse.dialog("转到哪个科室")
    nurse.press("Enter")
    nurse.dialog("哪位医生")
    nurse.press("ArrowDown").press("Enter").alone()
    page.wait_for_selector("#yj-lane tr:has-text('王凤'):has-text('李建国')")
    nurse.at("#yj-lane tr").press("F4")
    nurse.dialog("转到哪个科室")
    nurse.choose("EK", of="儿科门诊").press("Enter")
    nurse.dialog("哪位医生")
    nurse.press("Enter").alone()
    page.wait_for_selector("#yj-lane tr:has-text('王凤')", state="detached")
    [visit] = hall.hospital.window("0501").get("/triage/queue", department_code="EK").json["yj"]
    assert (visit["patient_name"], visit["staff_code"], visit["status"]) == ("王凤", None, "waiting")


def test_the_centres_patients_are_moved_in_their_own_lane(hall: Standby, nurse: Hand) -> None:
    page = nurse.page
    nurse.press("ArrowRight").at("#centre-lane tr").press("Enter")
    page.wait_for_selector("#said:has-text('已叫 12 号 张伟')")
    assert states(hall)["张伟"] == "called"


def test_a_slip_or_a_number_finds_its_patient(nurse: Hand) -> None:
    nurse.press("F3").at("#find").type("smith").press("Enter").at("#yj-lane tr")
    assert nurse.page.locator("#yj-lane tbody tr").count() == 1
    nurse.press("F3").at("#find").press("Escape").at("#yj-lane tr")
    assert nurse.page.locator("#yj-lane tbody tr").count() == 3


def test_a_patient_cancelled_meanwhile_is_told_in_words(hall: Standby, nurse: Hand) -> None:
    """Two windows and one patient: whoever comes second reads why."""
    page = nurse.page
    page.route("**/api/v1/triage/queue?*", lambda route: route.abort())  # the nurse's list stands still
    visit = hall.hospital.window("0501").get("/triage/queue", department_code="NK").json["yj"][1]
    assert (
        hall.hospital.window("registrar").post(f"/registrations/{visit['id']}/cancel", {"reason": "改期"}).status == 200
    )
    nurse.press("ArrowDown").press("F6")
    page.wait_for_selector("#failed:not(:empty)")
    assert "退号" in page.inner_text("#failed")
    page.unroute("**/api/v1/triage/queue?*")
    page.wait_for_selector("#yj-lane tr:has-text('王芳')", state="detached")


def test_the_hall_outlives_a_restart_and_the_switch_back(hall: Standby, nurse: Hand) -> None:
    page = nurse.page
    hall.stop()
    page.wait_for_selector("#silent:not([hidden])")
    nurse.press("F6")
    hall.start()
    page.wait_for_selector("#said:has-text('已叫')")
    hall.hospital.back()
    page.wait_for_selector("#possible:has-text('正常模式')")
    nurse.at("#yj-lane tr").press("F8")
    page.wait_for_selector("#said:has-text('就诊完成')")
    assert "王凤" not in states(hall)


def test_a_department_out_of_scope_is_left_to_the_his(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency(["EK"])
    page = desk("triage", "/triage").page
    Hand(page).at("#department").choose("nk", of="内科门诊")
    page.wait_for_selector("#possible:has-text('不在应急范围')")
    assert "没有病人" in page.inner_text("#yj-lane")


def test_who_may_only_look_moves_nobody(hall: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("auditor", "/triage").page
    Hand(page).at("#department").choose("nk", of="内科门诊").at("#yj-lane tr").press("F6").press("Enter")
    assert "只能查看" in page.inner_text("#possible") and page.locator("#elsewhere").is_disabled()
    assert states(hall)["王凤"] == "waiting"


def test_the_department_is_remembered_over_a_reload(nurse: Hand) -> None:
    nurse.page.reload()
    nurse.at("#yj-lane tr")
    assert nurse.page.input_value("#department") == "内科门诊"


def test_the_hall_reads_numbers_masked_names_and_doctors_and_nothing_more(
    hall: Standby, desk: Callable[..., Desk]
) -> None:
    there = desk()
    page = there.open("/triage/display?department_code=NK")
    text = page.content()
    assert "内科门诊" in text and "门诊楼2层" in text and "YJ 3" in text and "王**" in text and "李建国" in text
    answer = page.request.get(there.url + "/api/v1/triage/display?department_code=NK").text()
    for secret in ("P1001", "13812345678", "1985-03-12", "青霉素", "110101"):
        assert secret not in text and secret not in answer, secret
    for name in NAMES.values():
        assert name not in page.inner_text("body") and name not in answer, name
    visit = hall.hospital.window("0501").get("/triage/queue", department_code="NK").json["yj"][0]
    assert visit["id"] not in text + answer and visit["slip_no"] not in text + answer
    hall.hospital.window("0501").post(f"/triage/queue/{visit['id']}", {"status": "called"})
    page.wait_for_selector("#called li:has-text('YJ 3')")


def test_the_screen_says_when_it_may_be_old_and_offers_the_choice_of_a_hall(
    hall: Standby, desk: Callable[..., Desk]
) -> None:
    there = desk()
    page = there.open("/triage/display")
    page.click("text=内科门诊")
    page.wait_for_selector("body.hall[data-ready]")
    page.evaluate("Date.now = ((real) => () => real() + 16000)(Date.now)")
    hall.stop()
    page.wait_for_selector("#stale:not([hidden])")
    hall.start()
    page.wait_for_selector("#stale", state="hidden")
    for asked, status in (("nowhere", 200), ("%00x", 404)):  # a choice of halls; no address at all
        answer = there.page.goto(f"{there.url}/triage/display?department_code={asked}")
        assert answer is not None and answer.status == status
