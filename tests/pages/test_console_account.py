"""The account at the console: made, explained, signed, taken away as workbook and paper."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select

from fallback_server.store.audit import audit
from tests.fixtures_browser import Desk, Standby
from tests.pages.console_cast import worked
from tests.pages.console_hand import SOON, answer, finish_jobs, free, pdf_words, wait_for

pytestmark = pytest.mark.browser


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
    assert page.inner_text("[data-live=cashiers] tfoot").split() == [
        "合计",
        "105.00",
        "105.00",
        "0.00",
        "3",
        "0",
        "0",
        "0",
    ]
    page.wait_for_selector("#sign-it:not([disabled])", timeout=SOON)
    free(page)
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
    more = ["按日窗口", "票据簿", "点款", "入账日结"]
    assert book.sheetnames == ["合计", "0201 钱伟", "0202 孙丽", "差异", *more]
    cells = {str(cell.value) for row in book["0201 钱伟"].iter_rows() for cell in row}
    assert {"25", "-17"} <= {value.split(".")[0] for value in cells} and "退费" in cells
    summary = [[cell.value for cell in row] for row in book["合计"].iter_rows()]
    assert ["应急服务器", "上传台账", "中心业务表"] in [row[:3] for row in summary]
    assert any(row[0] == "微信" and Decimal(str(row[1])) == 80 for row in summary)
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
    for needed in ("应急事件报告", "服务器故障", "恢复运行单", "两人切回", "收费 3", "退费 1", "审计链末端"):
        assert needed in words, needed


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
        free(page)
    page.goto(page.url.split("/console")[0] + f"/print/reconciliation/{outage.number}")
    assert "补打 1" in page.inner_text("h1")
