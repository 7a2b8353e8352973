"""The console: what is seen on it, before, in and without an outage."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from fallback_server.domain.clock import to_text
from fallback_server.domain.modes import Permit
from fallback_server.store import centre_look
from fallback_server.store.people import workstation
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_return import ADMIN
from tests.pages.console_cast import worked
from tests.pages.console_hand import wait_for

pytestmark = pytest.mark.browser


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


def test_the_console_begins_with_what_to_do_next_and_follows_by_itself(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    centre_look.note(standby.hospital.store, 0.02, 0.0, "15")
    hospital = standby.hospital
    hospital.window("cashier").post("/workstations/heartbeat", {"workstation": "W0201", "epoch": 0, "role": "cashier"})
    page = desk("admin", "/console").page
    assert page.locator("#work > section").first.locator("h2").inner_text() == "接下来做什么"
    assert "正常" in page.inner_text("[data-live=centre] .lamp")
    wait_for(page, "[data-live=mode]", "1 台在线窗口")  # a console is none
    assert "看不到中心" in page.inner_text("[data-live=centre]")  # and a window's page says nothing of it
    page.evaluate("document.querySelector('[data-live=mode]').mark = 'untouched'")
    centre_look.note(standby.hospital.store, None, None, "Unreachable")
    wait_for(page, ".steps li.now", "中心自 08:30 起连不上")
    assert "信息科 / 总值班" in page.inner_text(".steps li.now >> nth=0")
    assert page.evaluate("document.querySelector('[data-live=mode]').mark") == "untouched"  # nothing flickers


def test_a_part_that_changes_keeps_the_cursor_where_it_was(standby: Standby, desk: Callable[..., Desk]) -> None:
    centre_look.note(standby.hospital.store, None, None, "Unreachable")
    page = desk("admin", "/console").page
    page.focus("#go-switch_on")
    with standby.hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(centre_look.centre_look).values(verdict_since="2026-11-23T07:15:00.000+08:00"))
    wait_for(page, ".steps", "07:15")
    assert page.evaluate("document.activeElement.id") == "go-switch_on"


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
    hospital.window("triage").post(
        "/workstations/heartbeat",
        {"workstation": "W0501", "epoch": 1, "version": "0.1.0 older1", "clock": to_text(hospital.clock.now())},
    )
    wait_for(page, "[data-live=roll]", "全部已切换")
    nurse = next(row for row in page.locator("tbody tr").all_inner_texts() if "W0501" in row)
    assert "请刷新" in nurse and "0 秒" in nurse and "-0" not in nurse
    assert "W0701" in page.inner_text("tbody tr >> nth=-1") and "3 / 3" in page.inner_text("[data-live=roll] .bar")
    assert "通 1 · 不通 1" in page.inner_text("[data-live=roll] .bar")


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
