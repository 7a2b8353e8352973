"""The record of an incident at the console, by the keyboard: who was told, notes put right, the final report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from fallback_server.acts import incident_due
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.store.mode import incident
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import ADMIN
from tests.pages.console_hand import answer, free, pdf_words, wait_for

pytestmark = pytest.mark.browser


def test_who_must_be_told_is_asked_for_told_and_put_right(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    standby.hospital.clock.advance(11 * 60)
    page = desk("duty", "/console").page
    wait_for(page, ".steps li.now", "告知 总值班")
    page.focus("#go-tell-1-10")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("body[data-ready] #timer-10")
    page.focus("#do-tell-10")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open] #ask-whom:focus")
    assert page.input_value("#ask-whom") == "总值班"
    for text in ("", "", "全院已转应急", "知道了", ""):  # whom and by telephone stand there already
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    page.wait_for_selector("#timer-10 .tag.good")
    wait_for(page, "[data-live=record-timeline]", "已告知 总值班（电话）：全院已转应急")
    free(page)
    page.focus("#do-untick-10")
    page.keyboard.press("Enter")
    answer(page, "点错了行")
    page.wait_for_selector("#do-tell-10")
    wait_for(page, "[data-live=record-timeline]", "点错了行")
    free(page)
    page.keyboard.press("F2")
    answer(page, "三号窗口卡纸", "")
    wait_for(page, "[data-live=record-timeline]", "三号窗口卡纸")
    free(page)
    page.locator("[id^=do-amend-]").first.press("Enter")
    answer(page, "四号窗口卡纸", "")
    page.wait_for_selector("[data-live=record-timeline] s >> text=三号窗口卡纸")
    free(page)
    with page.expect_navigation():
        page.locator("#only-people").press("Enter")
    assert "切换到应急" not in page.inner_text("[data-live=record-timeline] tbody")
    page.keyboard.press("F7")
    answer(page, "预计 11 点恢复")
    wait_for(page, "#band", "预计 11 点恢复")


def test_cause_measures_and_the_final_report_with_its_hash_on_paper(
    standby: Standby, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    hospital = standby.hospital
    hospital.emergency()
    hospital.back()
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(incident).values(state="closed", closed_at=tx.at))
    assert incident_due.look(hospital.store, Policy()) == [1]
    page = desk("admin", "/console").page
    wait_for(page, ".steps", "报告定稿")
    page.focus("#go-report-1")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("body[data-ready] #do-final")
    page.keyboard.press("F10")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Enter")
    wait_for(page, "dialog [role=alert]", "没有填写原因分析")
    page.keyboard.press("Escape")
    page.keyboard.press("F8")
    page.wait_for_selector("dialog[open]")
    page.keyboard.type("存储控制器故障")
    page.keyboard.press("Tab")
    page.keyboard.type("演练太少")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=record-lessons]", "存储控制器故障")
    free(page)
    page.keyboard.press("F9")
    page.wait_for_selector("dialog[open]")
    page.keyboard.type("换控制器")
    page.keyboard.press("Enter")
    page.keyboard.type("何工")
    page.keyboard.press("Enter")
    page.fill("#ask-due_on", "2026-12-01")
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=record-lessons]", "换控制器")
    free(page)
    page.keyboard.press("F10")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#report-2")
    free(page)
    with page.expect_download() as taken:
        page.keyboard.press("F6")
    words = pdf_words(Path(taken.value.path()), tmp_path)
    made = hospital.window("auditor").get("/incidents/1/report").json
    assert made["content_hash"] in words.replace("\n", "").replace(" ", "")
    assert all(one in words for one in ("已定稿", "存储控制器故障", "换控制器", "卫信息 0801"))
