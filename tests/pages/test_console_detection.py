"""The console's page about the centre: what it is, by what evidence, since when, and what happens by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from config.sections import Detection
from config.settings import Settings
from fallback_server.domain.modes import Mode
from tests.fixtures_browser import Desk, Standby
from tests.pages.centre_cast import Watched
from tests.pages.console_hand import answer, wait_for

pytestmark = pytest.mark.browser


@pytest.fixture
def hospital_settings(hospital_settings: Settings) -> Settings:
    """A hospital that lets the standby switch by itself."""
    return hospital_settings.model_copy(update={"detection": Detection(switch_by_itself=True)})


@pytest.fixture
def watched(standby: Standby, hospital_settings: Settings) -> Watched:
    return Watched(standby.hospital, hospital_settings)


def test_windows_that_are_cut_off_are_told_from_a_dead_centre_with_the_evidence_and_the_time(
    watched: Watched, desk: Callable[..., Desk]
) -> None:
    watched.looks(2, yes=40)
    page = desk("duty", "/console/detection").page
    assert "中心正常" in page.inner_text("[data-live=verdict]") and page.locator("#timers").count() == 0
    assert "通" in page.inner_text("[data-live=evidence] tbody tr >> nth=0")
    watched.looks(2, yes=2, no=38)
    wait_for(page, "[data-live=verdict]", "窗口连不上中心")
    assert "38 / 40" in page.inner_text("[data-live=evidence]")
    page.goto(page.url.replace("/detection", ""))
    page.wait_for_selector("body[data-ready]")
    first = page.inner_text(".steps li >> nth=0")
    assert "38 / 40 个窗口自 08:30 起连不上中心" in first and "信息科 / 总值班" in first
    with page.expect_navigation():
        page.click(".steps .go >> nth=0")
    assert page.url.endswith("/console/detection")
    watched.centre.reachable = False
    watched.looks(4, no=40)
    wait_for(page, "[data-live=verdict]", "中心不可用")
    assert "没有回答" in page.inner_text("[data-live=evidence]") and "秒" in page.inner_text("#lasts")
    assert "若持续，应告知" in page.inner_text("#timers") and "08:4" in page.inner_text("#timers :text('总值班')")
    changes = page.locator("[data-live=changes] tbody tr").all_inner_texts()
    assert ["中心不可用" in changes[0], "窗口连不上中心" in changes[1], "中心正常" in changes[2]] == [True] * 3
    with page.expect_navigation():
        page.click("#to-switch")
    assert page.url.endswith("/console/switch")


def test_switching_by_itself_is_stopped_by_a_key_and_everybody_reads_why(
    watched: Watched, standby: Standby, desk: Callable[..., Desk]
) -> None:
    watched.looks(2, yes=40)
    page = desk("admin", "/console/detection").page
    page.keyboard.press("F3")
    answer(page, "今晚割接核心交换机")
    wait_for(page, "[data-live=switching]", "今晚割接核心交换机")
    assert standby.hospital.window("auditor").get("/detection").json["switching"]["stopped"]["stopped_by"] == "0801"
    watched.centre.reachable = False
    watched.looks(40, no=40)
    with standby.hospital.store.reading() as tx:
        assert tx.mode.mode is Mode.NORMAL
    page.goto(page.url.replace("/detection", ""))
    page.wait_for_selector("body[data-ready]")
    assert "自动切换被叫停" in page.inner_text(".steps")
    page.goto(page.url.rstrip("/") + "/detection")
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("F3")
    wait_for(page, "[data-live=switching]", "叫停自动切换")
    auditor = desk("auditor", "/console/detection").page
    assert auditor.locator("#press-stop, #press-go").count() == 0
