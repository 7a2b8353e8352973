"""The way back at the console: the upload shown and steered, conflicts decided from both versions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from fallback_server.store.returning import conflict
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import PASSWORD
from tests.pages.console_cast import Outage, worked
from tests.pages.console_hand import SOON, answer, finish_jobs, free, jobs_of, wait_for

pytestmark = pytest.mark.browser


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
    free(page)
    page.keyboard.press("F2")
    page.wait_for_selector("#press-pause", timeout=SOON)
    assert jobs_of(standby.hospital)[-1] == ("upload", {"incident_no": outage.number, "dry_run": False})
    outage.upload()
    finish_jobs(standby.hospital)
    wait_for(page, ".total", "4 / 4")
    wait_for(page, "[data-live=upload-acts]", "全部单据已回传")
    page.wait_for_selector("#press-dry:not([disabled])", timeout=SOON)
    free(page)
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
    free(page)
    page.keyboard.press("F2")  # send again: needs nobody else
    answer(page, "项目已恢复")
    wait_for(page, "[data-live=conflict-list]", "待决定 0")
    free(page)
    page.focus(".picks li:last-child a")
    page.keyboard.press("ArrowUp")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("body[data-ready]")
    assert "卫信息 0801 + 陈组长 0601" in page.inner_text("main") and "票据已换开" in page.inner_text("main")
    with standby.hospital.store.reading() as tx:
        rows = tx.conn.execute(select(conflict.c.decision, conflict.c.approver_code).order_by(conflict.c.id)).all()
    assert [tuple(row) for row in rows] == [("retry_without_receipt", "0601"), ("retry", None)]
