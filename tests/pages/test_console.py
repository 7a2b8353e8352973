"""The console by the keyboard: switch, roll call, mirror, the way back, and all that may go wrong on its forms."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Page
from sqlalchemy import select, update

from fallback_server.domain.modes import Permit
from fallback_server.store import centre_look, mirror
from fallback_server.store.audit import audit
from fallback_server.store.database import open_mirror_engine
from fallback_server.store.people import session, workstation
from fallback_server.store.returning import conflict, job
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import PASSWORD, Hospital
from tests.fixtures_return import ADMIN
from tests.pages.console_cast import Outage, worked

pytestmark = pytest.mark.browser
SOON = 30_000  # milliseconds in which a live part must have followed, on a busy machine


def wait_for(page: Page, selector: str, words: str) -> None:
    """Until the part says so."""
    page.wait_for_function(
        "([s, w]) => [...document.querySelectorAll(s)].some((e) => e.textContent.includes(w))",
        arg=[selector, words], timeout=SOON,
    )  # fmt: skip


def answer(page: Page, *texts: str) -> None:
    """Fill the question in front, field by field, and press Enter on the last."""
    page.wait_for_selector("dialog[open]")
    for text in texts:
        page.keyboard.type(text)
        page.keyboard.press("Enter")


def jobs_of(hospital: Hospital) -> list[tuple[str, dict[str, Any]]]:
    with hospital.store.reading() as tx:
        return [(row.kind, row.arguments) for row in tx.conn.execute(select(job).order_by(job.c.id))]


def mode_of(hospital: Hospital) -> dict[str, Any]:
    found: dict[str, Any] = hospital.window("auditor").get("/mode").json
    return found


def finish_jobs(hospital: Hospital, state: str = "done", **values: Any) -> None:
    """What the worker would have written."""
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(job).where(job.c.state == "queued").values(state=state, finished_at=tx.at, **values))


# --- the role home ----------------------------------------------------------------------------------------------------
def test_who_has_one_window_is_led_straight_to_it(desk: Callable[..., Desk]) -> None:
    assert desk("admin").page.url.endswith("/console")


def test_who_has_several_chooses_with_a_digit(desk: Callable[..., Desk]) -> None:
    page = desk("supervisor").page
    doors = page.locator(".doors a")
    assert doors.count() >= 2 and page.evaluate("document.activeElement.closest('.doors') !== null")
    console = next(i for i in range(doors.count()) if doors.nth(i).get_attribute("href") == "/console")
    with page.expect_navigation():
        page.keyboard.press(str(console + 1))
    assert page.url.endswith("/console")


# --- what is seen -----------------------------------------------------------------------------------------------------
def test_the_console_begins_with_what_to_do_next_and_follows_by_itself(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    centre_look.note(standby.hospital.store, 0.02, 0.0, "15")
    page = desk("admin", "/console").page
    assert page.locator("#work > section").first.locator("h2").inner_text() == "接下来做什么"
    assert "正常" in page.inner_text("[data-live=centre] .lamp")
    wait_for(page, "[data-live=mode]", "1 / 1 台在线窗口")
    page.evaluate("document.querySelector('[data-live=mode]').mark = 'untouched'")
    centre_look.note(standby.hospital.store, None, None, "Unreachable")
    wait_for(page, ".steps li.now", "中心自 08:30 起连不上")
    assert "信息科 / 总值班" in page.inner_text(".steps li.now >> nth=0")
    assert page.evaluate("document.querySelector('[data-live=mode]').mark") == "untouched"  # nothing flickers


def test_a_part_that_changes_keeps_the_cursor_where_it_was(standby: Standby, desk: Callable[..., Desk]) -> None:
    centre_look.note(standby.hospital.store, None, None, "Unreachable")
    page = desk("admin", "/console").page
    page.focus("#go-switch_on-1")
    with standby.hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(centre_look.centre_look).values(since="2026-11-23T07:15:00.000+08:00"))
    wait_for(page, ".steps", "07:15")
    assert page.evaluate("document.activeElement.id") == "go-switch_on-1"


def test_three_charts_say_in_words_what_they_show(standby: Standby, desk: Callable[..., Desk]) -> None:
    worked(standby.hospital)
    page = desk("auditor", "/console").page
    charts = page.locator("svg.pygal-chart[role=img]")
    assert charts.count() == 3
    labels = [charts.nth(i).get_attribute("aria-label") or "" for i in range(3)]
    assert "最高" in labels[1] and "现在 4" in labels[2]
    assert page.locator("svg script, svg style").count() == 0
    assert page.locator(".bar-graph rect.rect").count() > 0


def test_the_tabs_have_digits_and_every_one_opens(standby: Standby, desk: Callable[..., Desk]) -> None:
    worked(standby.hospital)
    page = desk("auditor", "/console").page
    for number, path in enumerate(
        ("", "/switch", "/windows", "/mirror", "/incidents", "/upload", "/conflicts", "/account", "/books"), start=1
    ):
        with page.expect_navigation():
            page.keyboard.press(f"Alt+{number}")  # from inside a field too
        page.wait_for_selector("body[data-ready]")
        assert page.url.split("?")[0].endswith(f"/console{path}")
        assert page.locator("body.alone").count() == 0


def test_windows_that_have_not_switched_are_on_top(standby: Standby, desk: Callable[..., Desk]) -> None:
    hospital = standby.hospital
    for who in ("cashier", "doctor"):
        hospital.window(who).post(
            "/workstations/heartbeat", {"workstation": f"W{hospital.window(who).operator}", "epoch": 0}
        )
    hospital.emergency()
    hospital.clock.advance(3)
    hospital.window("doctor").post("/workstations/heartbeat", {"workstation": "W0301", "epoch": 1, "central_ok": False})
    page = desk("duty", "/console/windows").page
    first = page.inner_text("tbody tr >> nth=0")
    assert "W0201" in first and "未切换" in first and "钱伟" in first
    doctor = next(row for row in page.locator("tbody tr").all_inner_texts() if "W0301" in row)
    assert "是" in doctor and "3 秒" in doctor and "否" in doctor
    hospital.window("cashier").post("/workstations/heartbeat", {"workstation": "W0201", "epoch": 1, "central_ok": True})
    wait_for(page, "[data-live=roll]", "全部已切换")
    assert "通 1 · 不通 1" in page.inner_text("[data-live=roll] .bar")


# --- the switch -------------------------------------------------------------------------------------------------------
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
    assert "EK NK" in page.inner_text("dialog") or "NK EK" in page.inner_text("dialog")
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
    wait_for(page, "dd", "JZ")
    assert mode_of(standby.hospital)["scope"] == ["JZ"]
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


# --- the mirror -------------------------------------------------------------------------------------------------------
def held_run(hospital: Hospital) -> int:
    """A run of the mirror that a guard holds, with a rejected row, as the worker leaves one."""
    with open_mirror_engine(hospital.url).connect() as raw:
        connection = raw.execution_options(yj_write=True)
        with connection.begin():
            problem = {"kind": "shrunk", "dataset": "drug", "zh": "药品由 13 行减为 2 行。", "en": "13 to 2",
                       "numbers": {}, "examples": []}  # fmt: skip
            row = {
                "run_id": 100, "trigger": "schedule", "requested_by": "system", "datasets": ["drug"], "state": "held",
                "started_at": hospital.window("auditor").get("/mode").json["since"], "content_hash": "c" * 64,
                "counts": {"drug": {"read": 2}}, "problems": [problem], "seconds": {},
            }  # fmt: skip
            return int(connection.execute(mirror.run.insert().returning(mirror.run.c.run_id), row).scalar_one())


def test_the_mirror_is_run_stopped_let_go_and_rolled_back(standby: Standby, desk: Callable[..., Desk]) -> None:
    hospital = standby.hospital
    page = desk("admin", "/console/mirror").page
    assert page.locator("[data-live=datasets] tbody tr").count() == 18
    page.keyboard.press("F2")
    wait_for(page, "[data-live=mirror-bar]", "等待中")
    finish_jobs(hospital, result={"state": "published"})
    page.wait_for_selector("#press-stop", timeout=SOON)
    page.keyboard.press("F4")
    answer(page, "DBA 要求")
    wait_for(page, "[data-live=mirror-notes]", "DBA 要求")
    page.keyboard.press("F4")
    page.wait_for_selector("#press-stop", timeout=SOON)
    page.wait_for_selector("#press-back:not([disabled])", timeout=SOON)
    page.keyboard.press("F7")
    answer(page, "价格有误")
    wait_for(page, "[data-live=mirror-bar]", "等待中")
    assert jobs_of(hospital)[-1] == ("mirror", {"rollback": True, "reason": "价格有误"})


def test_a_held_run_is_explained_and_approved_with_a_reason(standby: Standby, desk: Callable[..., Desk]) -> None:
    number = held_run(standby.hospital)
    page = desk("admin", "/console/mirror").page
    assert "药品由 13 行减为 2 行" in page.inner_text(".held")
    page.keyboard.press("F8")
    answer(page, "")
    assert "请填写" in page.inner_text("dialog [role=alert]")
    answer(page, "药房清理了目录")
    wait_for(page, "[data-live=mirror-bar]", "等待中")
    assert jobs_of(standby.hospital) == [("mirror", {"approve": number, "reason": "药房清理了目录"})]
    duty = desk("duty", "/console/mirror").page
    assert duty.locator("[data-act=mirror_approve]").count() == 0


# --- the way back -----------------------------------------------------------------------------------------------------
@pytest.fixture
def returned(standby: Standby) -> Outage:
    """An outage that was uploaded: the centre left two documents to persons."""
    outage = worked(standby.hospital, refuse=True)
    outage.upload()
    return outage


def test_the_upload_is_shown_by_kind_paused_rehearsed_and_let_go(standby: Standby, desk: Callable[..., Desk]) -> None:
    outage = worked(standby.hospital)
    page = desk("admin", "/console/upload").page
    assert "0 / 4" in page.inner_text(".total")
    page.keyboard.press("F4")
    answer(page, "中心忙")
    wait_for(page, "[data-live=upload-acts]", "中心忙")
    outage.upload()
    wait_for(page, "[data-live=upload-acts]", "已由人暂停")
    assert "0 / 4" in page.inner_text(".total")
    page.keyboard.press("F2")
    page.wait_for_selector("#press-pause", timeout=SOON)
    assert jobs_of(standby.hospital)[-1] == ("upload", {"incident_no": outage.number, "dry_run": False})
    outage.upload()
    finish_jobs(standby.hospital)
    wait_for(page, ".total", "4 / 4")
    wait_for(page, "[data-live=upload-acts]", "全部单据已回传")
    page.wait_for_selector("#press-dry:not([disabled])", timeout=SOON)
    page.keyboard.press("F3")
    wait_for(page, "[data-live=progress]", "等待中")
    assert jobs_of(standby.hospital)[-1] == ("upload", {"incident_no": outage.number, "dry_run": True})


def test_two_conflicts_are_decided_by_two_people_from_both_versions(
    standby: Standby, desk: Callable[..., Desk], returned: Outage
) -> None:
    page = desk("admin", "/console/conflicts").page
    assert "待决定 2" in page.inner_text("[data-live=conflict-list]")
    versions = page.inner_text("table.versions")
    assert "SF900001" in versions and "A00005021" in versions and "血常规" in versions
    page.keyboard.press("F2")  # send without the number
    page.wait_for_selector("dialog[open]")
    assert "票据须收回" in page.inner_text("dialog")
    answer(page, "", "", "")
    assert "请填写" in page.inner_text("dialog [role=alert]")
    answer(page, "票据已换开", "0801", PASSWORD)
    page.wait_for_function("() => document.querySelector('dialog [role=alert]').textContent.includes('复核人')")
    page.keyboard.press("Escape")
    page.keyboard.press("F2")
    answer(page, "票据已换开", "0601", PASSWORD)
    wait_for(page, "[data-live=conflict-list]", "待决定 1")
    wait_for(page, "[data-live^=conflict-] h2", "已停用")  # the next one comes by itself
    page.keyboard.press("F2")  # send again: needs nobody else
    answer(page, "项目已恢复")
    wait_for(page, "[data-live=conflict-list]", "待决定 0")
    page.focus(".picks li:last-child a")
    page.keyboard.press("ArrowUp")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("body[data-ready]")
    assert "0801 + 0601" in page.inner_text("main") and "票据已换开" in page.inner_text("main")
    with standby.hospital.store.reading() as tx:
        rows = tx.conn.execute(select(conflict.c.decision, conflict.c.approver_code).order_by(conflict.c.id)).all()
    assert [tuple(row) for row in rows] == [("retry_without_receipt", "0601"), ("retry", None)]


def test_the_account_is_made_explained_signed_by_two_and_closed(
    standby: Standby, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    outage = worked(standby.hospital)
    outage.upload()
    page = desk("admin", "/console/account").page
    assert "还没有对过账" in page.inner_text("[data-live=totals]")
    page.keyboard.press("F2")
    wait_for(page, "[data-live=account-acts]", "等待中")
    outage.tables.take()
    outage.tables.charge[0]["operator_code"] = "0202"
    outage.reconcile()
    finish_jobs(standby.hospital)
    wait_for(page, ".verdict", "未平")
    assert page.is_disabled("#sign-it") and "收费员不符" in page.inner_text("[data-live=differences]")
    page.locator("[data-act=explain]").press("Enter")
    answer(page, "")
    assert "请填写" in page.inner_text("dialog [role=alert]")
    answer(page, "换班时未换工号")
    wait_for(page, ".verdict", "账平")
    page.wait_for_selector("#sign-it:not([disabled])", timeout=SOON)
    page.keyboard.press("F8")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Enter")
    wait_for(page, ".signing", "0801")
    assert page.is_disabled("#sign-finance")  # an administrator is not finance
    finance = desk("supervisor", "/console/account").page
    finance.keyboard.press("F9")
    finance.wait_for_selector("dialog[open]")
    finance.keyboard.press("Enter")
    wait_for(finance, ".signing", "0601")
    assert standby.hospital.window("auditor").get(f"/incidents/{outage.number}").json["state"] == "closed"
    wait_for(page, ".signing", "0601")  # the other's screen follows


def test_the_account_leads_down_to_the_document(standby: Standby, desk: Callable[..., Desk]) -> None:
    outage = worked(standby.hospital)
    outage.upload()
    outage.reconcile()
    page = desk("auditor", "/console/account").page
    with page.expect_navigation():
        page.press("#cashier-0201", "Enter")
    rows = page.locator("#takings tbody tr")
    assert rows.count() == 3 and "-17.00" in page.inner_text("#takings")
    assert "王芳" not in page.inner_text("main")  # no names in lists
    with page.expect_navigation():
        rows.first.locator("a").press("Enter")
    words = page.inner_text("main")
    assert "血常规" in words and "25.00" in words and "已到中心" in words


def test_the_workbook_has_one_sheet_per_cashier_and_taking_it_is_audited(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    outage = worked(standby.hospital)
    outage.upload()
    outage.reconcile()
    page = desk("auditor", "/console/account").page
    with page.expect_download() as taken:
        page.keyboard.press("F3")
    book = openpyxl.load_workbook(io.BytesIO(Path(taken.value.path()).read_bytes()))
    assert book.sheetnames == ["合计", "0201 钱伟", "0202 孙丽", "差异"]
    cells = {str(cell.value) for row in book["0201 钱伟"].iter_rows() for cell in row}
    assert {"25", "-17"} <= {value.split(".")[0] for value in cells} and "退费" in cells
    summary = [[cell.value for cell in row] for row in book["合计"].iter_rows()]
    assert ["应急服务器", "上传台账", "中心业务表"] in [row[:3] for row in summary]
    assert any(row[0] == "微信" and float(row[1]) == 80 for row in summary)
    with standby.hospital.store.reading() as tx:
        last = tx.conn.execute(select(audit).where(audit.c.action == "reconcile.export")).one()
    assert (last.operator_code, last.subject) == ("0901", str(outage.number))


def test_the_papers_for_signatures_have_figures_differences_and_the_chain(
    standby: Standby, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    outage = worked(standby.hospital, refuse=True)
    outage.upload()
    outage.reconcile()
    page = desk("admin", "/console/account").page
    with page.expect_download() as taken:
        page.keyboard.press("F6")
    words = pdf_words(Path(taken.value.path()), tmp_path)
    for needed in ("应急对账单", "事件 1", "服务器故障", "钱伟", "孙丽", "待人工处理", "信息科签字", "财务科签字"):
        assert needed in words, needed
    assert re.search(r"审计链末端 \d+ · [0-9a-f]{64}", words)
    there = desk("supervisor", "/console/incidents").page
    with there.expect_download() as report:
        there.press("#press-pdf", "Enter")
    words = pdf_words(Path(report.value.path()), tmp_path)
    for needed in ("应急事件报告", "服务器故障", "恢复清单", "两人切回", "收费 3", "退费 1", "审计链末端"):
        assert needed in words, needed


def pdf_words(path: Path, folder: Path) -> str:
    """What a person reads on the paper."""
    text = folder / "paper.txt"
    subprocess.run(["pdftotext", "-layout", str(path), str(text)], check=True, timeout=60)
    return text.read_text("utf-8")


def test_a_copy_is_counted_and_said_on_the_paper(standby: Standby, desk: Callable[..., Desk]) -> None:
    outage = worked(standby.hospital)
    outage.upload()
    outage.reconcile()
    page = desk("admin", "/console/account").page
    for _ in range(2):
        page.keyboard.press("F4")
        page.wait_for_selector("dialog[open]")
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open]", state="detached")
    page.goto(page.url.split("/console")[0] + f"/print/reconciliation/{outage.number}")
    assert "补打 1" in page.inner_text("h1")


# --- receipt books ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (("", "B", "1", "50"), "给谁"),
        (("0201", "", "1", "50"), "字头"),
        (("0201", "B", "1a", "50"), "只能填数字"),
        (("0201", "B", "60", "50"), "止号小于起号"),
        (("0201", "A", "5500", "5600"), "重叠"),
    ],
)
def test_a_book_that_makes_no_sense_is_refused_in_words(
    desk: Callable[..., Desk], fields: tuple[str, str, str, str], words: str
) -> None:
    page = desk("supervisor", "/console/books").page
    operator, *rest = fields
    if operator:
        page.select_option("#operator", operator)
    for name, value in zip(("prefix", "start_no", "end_no"), rest, strict=True):
        page.fill(f"#{name}", value)
    page.keyboard.press("F2")
    page.wait_for_function(
        "() => document.querySelector('small.wrong') || document.querySelector('#failed').textContent"
    )
    assert words in page.inner_text("#work") + page.inner_text("#failed")
    assert page.input_value("#end_no") == fields[3]


def test_a_supervisor_hands_out_a_book_with_the_keyboard(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("supervisor", "/console/books").page
    page.focus("#operator")
    page.keyboard.type("0202")
    for text in ("", "C", "1", "100"):
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    wait_for(page, "[data-live=books]", "C00000100")
    assert "本地发放" in page.inner_text("[data-live=books]")
    assert desk("admin", "/console/books").page.is_disabled("#press-book")


# --- nothing at all ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tab", ["incidents", "upload", "conflicts", "account"])
def test_before_the_first_outage_every_screen_says_so(desk: Callable[..., Desk], tab: str) -> None:
    page = desk("admin", f"/console/{tab}").page
    assert "还没有应急事件" in page.inner_text("#work")


@pytest.mark.parametrize(
    "path", ["incidents?incident=99", "upload?incident=x", "conflicts?conflict=7", "documents/none"]
)
def test_what_does_not_exist_is_a_sentence_and_not_a_trace(desk: Callable[..., Desk], path: str) -> None:
    there = desk("admin")
    reply = there.page.goto(f"{there.url}/console/{path}")
    assert reply is not None and reply.status == 404 and "Traceback" not in there.page.content()


def test_a_drill_is_a_drill_on_every_screen(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency(drill=True)
    page = desk("admin", "/console/upload").page
    assert "演练单据不上传" in page.inner_text("#work")
    there = desk("admin2", "/console/account").page
    assert "演练单据不上传" in there.inner_text("#work")
    with standby.hospital.store.reading() as tx:
        assert tx.conn.execute(select(workstation.c.role).where(workstation.c.code == "W0801")).scalar() == "console"
