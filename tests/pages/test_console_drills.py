"""Drills at the console, with the keyboard: planned, begun, a finding keyed in, ended by two, the certificate."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fallback_server.store.mode_switch import advance
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import PASSWORD
from tests.pages.console_hand import free, wait_for

pytestmark = pytest.mark.browser


def test_a_drill_from_the_plan_to_the_certificate(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("admin", "/console/drills").page
    page.keyboard.press("F2")
    page.wait_for_selector("dialog")
    for text in ("夜间演练", "练习切换", "", "收费处，药房", "W0201", "", "沈审计"):
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    page.wait_for_url("**/console/drills?drill=*")  # its own page; the list may show it before
    page.wait_for_selector("body[data-ready]")
    wait_for(page, "[data-live=drill-one]", "夜间演练")
    assert "收费处、药房" in page.inner_text("[data-live=drill-one]")
    free(page)
    page.keyboard.press("F9")
    page.wait_for_selector("dialog")
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=drill-one]", "进行中")
    page.wait_for_selector("body[data-drill]")
    free(page)
    assert "演练" in page.inner_text("body")
    page.keyboard.press("F3")
    page.wait_for_selector("dialog")
    for text in (None, "二号打印机缺纸", "总务", "2026-12-01"):
        if text is not None:
            page.keyboard.type(text)
        page.keyboard.press("Enter")
    wait_for(page, "[data-live=drill-findings]", "二号打印机缺纸")
    free(page)
    page.focus("#press-mend-1")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.type("已备两包纸")
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=drill-findings]", "已备两包纸")
    free(page)
    page.keyboard.press("F8")
    page.wait_for_selector("dialog")
    for text in ("0601", PASSWORD):
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    page.wait_for_selector("dialog", state="detached")
    standby.hospital.clock.advance(300)
    assert advance(standby.hospital.store) is not None
    wait_for(page, "[data-live=drill-one]", "已结束")
    wait_for(page, "[data-live=drill-acts]", "打印证明")
    there = desk("auditor")
    there.page.goto(f"{there.url}/print/drill/1")
    words = there.page.inner_text("body")
    assert "演练 DRILL" in words and "二号打印机缺纸" in words and "沈审计" in words and "0601" in words


def test_who_only_looks_finds_no_buttons(desk: Callable[..., Desk]) -> None:
    page = desk("auditor", "/console/drills").page
    assert "还没有演练" in page.inner_text("#work") and page.locator("#work [data-act]").count() == 0
