"""The switch by the keyboard: on, for whom, off with a second person, and all that may come between."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from fallback_server.domain.modes import Permit
from fallback_server.store import centre_look
from fallback_server.store.people import session
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import PASSWORD
from tests.fixtures_return import ADMIN
from tests.pages.console_hand import SOON, answer, finish_jobs, free, jobs_of, mode_of, wait_for

pytestmark = pytest.mark.browser


def test_the_switch_wants_cause_reason_and_departments_in_words(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("admin", "/console/switch").page
    page.keyboard.press("F9")
    assert "原因" in page.inner_text("small.wrong") and page.evaluate("document.activeElement.id") == "cause"
    page.select_option("#cause", "storage")
    page.fill("#reason", "   ")
    page.keyboard.press("F9")
    assert "说明" in page.inner_text("small.wrong") and page.evaluate("document.activeElement.id") == "reason"
    page.fill("#reason", "存储阵列故障")
    page.check("[name=scope][value=some]")
    page.keyboard.press("F9")
    assert "科室" in page.inner_text("small.wrong")
    assert mode_of(standby.hospital)["mode"] == "normal"


def test_it_is_switched_on_with_the_keyboard_for_chosen_departments_after_a_reload(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    page = desk("admin", "/console/switch").page
    page.focus("#cause")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("存储阵列故障，HIS 打不开")
    page.focus("[name=scope][value=whole]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("内科")
    page.keyboard.press("Enter")
    page.keyboard.type("EK")
    page.keyboard.press("Enter")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.input_value("#reason").startswith("存储阵列")
    page.keyboard.press("F9")
    page.wait_for_selector("dialog[open]")
    assert "儿科" in page.inner_text("dialog") and "内科" in page.inner_text("dialog")  # by name, not by code
    page.keyboard.press("Enter")
    page.wait_for_selector("#switch-off", timeout=SOON)
    mode = mode_of(standby.hospital)
    assert (mode["mode"], mode["scope"], mode["drill"]) == ("emergency", ["EK", "NK"], False)


def test_a_planned_outage_runs_the_mirror_first_and_asks_when_that_fails(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    hospital = standby.hospital
    page = desk("admin", "/console/switch").page
    page.check("[name=planned][value=yes]")
    assert page.input_value("#cause") == "maintenance" and page.is_visible("#first-mirror")
    page.fill("#reason", "数据库升级")
    page.keyboard.press("F9")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Enter")
    wait_for(page, "#said", "镜像")
    for _ in range(100):
        if jobs_of(hospital):
            break
        page.wait_for_timeout(100)
    assert jobs_of(hospital) == [("mirror", {"datasets": None})]
    finish_jobs(hospital, "failed", error="Unreachable: no route")
    page.wait_for_selector("dialog[open]", timeout=SOON)
    assert "no route" in page.inner_text("dialog") and mode_of(hospital)["mode"] == "normal"
    page.get_by_role("button", name="仍然切换").press("Enter")
    page.wait_for_selector("#switch-off", timeout=SOON)
    assert hospital.window("admin").get("/incidents").json["items"][0]["cause"] == "maintenance"


def test_switching_while_the_centre_answers_is_asked_about_in_so_many_words(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    centre_look.note(standby.hospital.store, 0.02, 0.0, "15")
    page = desk("admin", "/console/switch").page
    assert page.locator("#cause option[value=maintenance]").is_disabled()  # sudden and planned do not go together
    page.select_option("#cause", "server")
    page.fill("#reason", "HIS 打不开")
    page.keyboard.press("F9")
    page.wait_for_selector("dialog[open] .note.warn")
    assert "先打电话核实" in page.inner_text("dialog")
    page.keyboard.press("Escape")
    page.check("[name=planned][value=yes]")
    assert page.input_value("#cause") == "maintenance" and page.locator("#cause option[value=server]").is_disabled()
    assert mode_of(standby.hospital)["mode"] == "normal"


def test_another_person_confirms_and_not_the_one_who_switched(standby: Standby, desk: Callable[..., Desk]) -> None:
    number = standby.hospital.emergency()  # by 0801
    page = desk("admin", "/console/switch").page
    assert page.locator("#press-confirm").count() == 0 and "另一人" in page.inner_text(".switch")
    other = desk("duty", "/console/switch").page
    other.keyboard.press("F2")
    wait_for(other, "dd", "0701")
    assert standby.hospital.window("auditor").get(f"/incidents/{number}").json["confirmed_by"] == "0701"


def test_switching_off_needs_a_second_person_and_the_page_follows(standby: Standby, desk: Callable[..., Desk]) -> None:
    outage = standby.hospital.emergency()
    page = desk("admin", "/console/switch").page
    page.keyboard.press("F8")
    answer(page, "0601", "wrong-password")
    page.wait_for_selector("dialog [role=alert]:not([hidden])")
    assert "复核人不正确" in page.inner_text("dialog [role=alert]")
    page.keyboard.press("Escape")
    page.keyboard.press("F8")
    answer(page, "0801", PASSWORD)  # oneself is no second person
    page.wait_for_selector("dialog [role=alert]:not([hidden])")
    page.keyboard.press("Escape")
    page.check("[name=upload][value=no]")
    page.keyboard.press("F8")
    answer(page, "0601", PASSWORD)
    page.wait_for_selector("#press-release", timeout=SOON)
    free(page)
    assert "现在放行的代价" in page.inner_text(".switch") and "0 张" in page.inner_text("p.note")
    page.keyboard.press("F8")
    answer(page, "中心已正常")
    page.wait_for_selector("#switch-on", timeout=SOON)
    found = standby.hospital.window("auditor").get(f"/incidents/{outage}").json
    assert (found["ended_by"], found["ended_approver"], found["state"]) == ("0801", "0601", "closed")


def test_the_scope_changes_with_a_reason_and_the_insurance_has_a_switch_of_its_own(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency()
    page = desk("duty", "/console/switch").page
    page.check("#change-scope [name=scope][value=some]")
    page.keyboard.press("F3")
    assert "科室" in page.inner_text("small.wrong")
    page.check("#change-scope [value=JZ]")
    page.fill("#scope-reason", "只剩急诊")
    page.press("#scope-reason", "Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Enter")
    wait_for(page, "dd", "急诊")
    assert mode_of(standby.hospital)["scope"] == ["JZ"]
    free(page)
    page.press("#press-insurance", "Enter")
    answer(page, "医保平台故障")
    page.wait_for_selector("#press-insurance[data-down=false]", timeout=SOON)  # the button offers the way back
    assert mode_of(standby.hospital)["insurance_down"] is True


def test_a_mode_that_changed_under_the_form_is_said_and_shown(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("admin2", "/console/switch").page
    page.select_option("#cause", "server")
    page.fill("#reason", "服务器宕机")
    page.keyboard.press("F9")
    page.wait_for_selector("dialog[open]")
    standby.hospital.emergency()  # the duty officer was quicker
    page.keyboard.press("Enter")
    page.wait_for_selector("#switch-off", timeout=SOON)
    assert mode_of(standby.hospital)["incident_no"] == 1


def test_a_session_that_ended_asks_for_the_password_and_goes_on(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("admin", "/console/switch").page
    page.select_option("#cause", "server")
    page.fill("#reason", "服务器宕机")
    with standby.hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(session).values(ended_at=tx.at))
    page.wait_for_selector("dialog.lock", timeout=SOON)
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.lock", state="detached")
    assert page.input_value("#reason") == "服务器宕机"
    page.keyboard.press("F9")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#switch-off", timeout=SOON)


@pytest.mark.parametrize("who", ["auditor", "supervisor"])
def test_who_may_not_switch_sees_it_and_has_no_button(standby: Standby, desk: Callable[..., Desk], who: str) -> None:
    page = desk(who, "/console/switch").page
    assert page.is_disabled("#press-on") and "只有" in page.inner_text("p.note")
    standby.hospital.emergency()
    wait_for(page, ".switch h2", "服务器故障")
    assert page.locator("#switch-off, #change-scope").count() == 0


def test_a_cashier_is_told_that_the_console_is_not_hers(desk: Callable[..., Desk]) -> None:
    there = desk("cashier")
    reply = there.page.goto(there.url + "/console")
    assert reply is not None and reply.status == 403 and "没有此操作的权限" in there.page.inner_text("main")
