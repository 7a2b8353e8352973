"""The console's page about the audit log: rows are found by document, held against paper, taken away as a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fallback_server.store import audit
from tests.fixtures_browser import Desk, Standby
from tests.pages.console_hand import SOON, free, wait_for
from tests.pages.test_console_backups import done, work  # noqa: F401  (fixture)
from tests.windows.money_cast import charge, items

pytestmark = pytest.mark.browser


def test_an_auditor_finds_what_was_done_and_what_it_changed(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    made = charge(standby.hospital.window("cashier"), items(("F001", 1))).json
    charge(standby.hospital.window("cashier2"), items(("F001", 1)))
    standby.hospital.window("admin").post("/mode/scope", {"departments": ["NK"], "reason": "只有内科"})
    page = desk("auditor", "/console/audit").page
    wait_for(page, "#audit-scroll", "更改应急范围")
    assert page.inner_text("#audit-scroll ins") == "NK"
    page.fill("#document", made["yj_no"])
    page.keyboard.press("Enter")
    page.wait_for_url("**document=YJ*")
    rows = page.locator("#audit-scroll tbody tr")
    assert rows.count() == 1 and "钱伟" in rows.inner_text() and "收费" in rows.inner_text()
    page.goto(page.url.split("?")[0] + "?since=yesterday")
    assert "2026-11-23" in page.inner_text(".note[role=alert]")


def test_the_log_is_held_against_paper_and_taken_away(
    standby: Standby, desk: Callable[..., Desk], work: Callable[[], bool], tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    standby.hospital.emergency()
    page = desk("auditor", "/console/audit").page
    with standby.hospital.store.reading() as tx:
        sequence, digest = audit.head(tx.conn)
    for paper, words in ((f"{sequence}:{digest[:12]}", "完整"), (f"{sequence}:{'0' * 12}", "被动过")):
        page.keyboard.press("F2")
        page.wait_for_selector("dialog[open]")
        page.fill("#ask-head", paper)
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog", state="detached", timeout=SOON)
        done(work, page)
        wait_for(page, "dialog[open]", words)
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog", state="detached", timeout=SOON)
        free(page)
    with page.expect_download() as taken:
        page.keyboard.press("F6")
    taken.value.save_as(tmp_path / "log.csv")
    assert "mode.emergency" in (tmp_path / "log.csv").read_text("utf-8-sig")
    with standby.hospital.store.reading() as tx:
        assert [row["action"] for row in audit.selected(tx.conn, action="audit.")][-1] == "audit.export"


def test_the_duty_officer_has_no_tab_of_it(desk: Callable[..., Desk]) -> None:
    page = desk("duty", "/console/backups").page
    assert page.locator("[href='/console/audit']").count() == 0
