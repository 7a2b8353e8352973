"""A planned stop at the console: the last mirror is shown, the switch follows it, and nobody has to wait for it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests.fixtures_browser import Desk, Standby
from tests.pages.console_hand import SOON, finish_jobs, jobs_of, mode_of


def planned(page: Page, standby: Standby) -> None:
    """Everything is filled in, the question answered, the mirror asked for and its progress on the screen."""
    page.check("[name=planned][value=yes]")
    page.fill("#reason", "数据库升级")
    page.keyboard.press("F9")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#mirror-going", timeout=SOON)
    page.wait_for_function("() => /已 \\d+ 秒/.test(document.querySelector('#mirror-going').textContent)")
    assert jobs_of(standby.hospital) == [("mirror", {"datasets": None})]
    assert mode_of(standby.hospital)["mode"] == "normal"


def test_the_switch_follows_the_mirror_by_itself(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("admin", "/console/switch").page
    planned(page, standby)
    finish_jobs(standby.hospital, result={"state": "published"})
    page.wait_for_selector("#switch-off", timeout=SOON)
    assert mode_of(standby.hospital)["mode"] == "emergency"


def test_switch_now_waits_for_nothing(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("admin", "/console/switch").page
    planned(page, standby)
    page.click("#switch-now")
    page.wait_for_selector("#switch-off", timeout=SOON)
    assert mode_of(standby.hospital)["mode"] == "emergency"


def test_an_enter_too_many_switches_nothing(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("admin", "/console/switch").page
    planned(page, standby)
    page.keyboard.press("Enter")  # the way back has the focus
    page.wait_for_selector("#mirror-going", state="detached")
    finish_jobs(standby.hospital, result={"state": "published"})
    page.wait_for_timeout(1500)
    assert mode_of(standby.hospital)["mode"] == "normal" and page.input_value("#reason") == "数据库升级"
