"""The console about the standby itself: what is wrong comes first, and an alarm is taken on with a note."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fallback_server.store import alarms
from tests.fixtures_browser import Desk, Standby
from tests.pages.console_hand import wait_for

pytestmark = pytest.mark.browser


def test_readiness_says_what_is_wrong_first_and_tries_a_document(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("admin", "/console").page
    page.keyboard.press("Shift+1")
    page.wait_for_url("**/console/readiness")
    page.wait_for_selector("body[data-ready]")
    assert page.inner_text("[data-live=findings] tbody tr:first-child td:first-child") == "不行"
    assert "同步进程没有运行" in page.inner_text("[data-live=findings]")
    assert "还没有试写过单据" in page.inner_text("[data-live=findings]")
    page.keyboard.press("F2")
    wait_for(page, "[data-live=findings]", "试写一张收费单并撤销")


def test_an_alarm_is_taken_on_with_a_note_and_is_over_when_its_cause_is(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    store = standby.hospital.store
    alarms.sound(store, "backup", "failed", "备份失败。", "A backup failed.")
    page = desk("duty", "/console/alarms").page
    assert "无人确认" in page.inner_text("[data-live=alarms]")
    page.keyboard.press("F2")
    page.keyboard.type("值班信息科正在换盘")
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=alarms]", "值班信息科正在换盘")
    assert page.locator("[data-act=acknowledge]").count() == 0
    alarms.silence(store, "backup")
    wait_for(page, "[data-live=over]", "备份失败")
    wait_for(page, "[data-live=alarms]", "没有未解除的告警")
