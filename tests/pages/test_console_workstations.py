"""The console's page of workstations: a file with faults changes nothing, a code enrols, a printer is asked about."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fallback_server.app import product_version
from fallback_server.domain.agent_commands import commands
from fallback_server.store import stations
from fallback_server.web import authority
from tests.fixtures_browser import Desk, Standby
from tests.pages.console_hand import answer, free, wait_for

pytestmark = pytest.mark.browser
TABLE = "工作站,窗口,角色,药房,打印件,打印机\r\nW0401,西药房 2 号,pharmacist,XYF,处方笺,HP\r\n"


def taken_in(page: Desk, text: str) -> None:
    payload = {"name": "table.csv", "mimeType": "text/csv", "buffer": text.encode("gbk")}
    page.page.set_input_files("#station-file", files=[payload])  # type: ignore[list-item]


def test_a_table_comes_in_whole_or_not_at_all_and_a_test_page_is_asked_about(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    there = desk("admin", "/console/workstations")
    page = there.page
    taken_in(there, TABLE + "W 9,,clown,,,\r\n")
    wait_for(page, "dialog", "clown")
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=stations]", "工作站表是空的")
    taken_in(there, TABLE)
    wait_for(page, "dialog", "新增 1")
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=stations]", "西药房 2 号")

    taken_in(there, TABLE.replace("W0401", "W0409"))  # more than half of the table: the wrong file, most likely
    wait_for(page, "dialog", "要从表中去掉 1 台工作站")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]", state="detached")
    assert "W0409" not in page.inner_text("[data-live=stations]")

    page.click("#test-W0401-prescription")  # no agent there: whoever stands before it says how it went
    wait_for(page, "dialog", "那里没有代理在线")
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=stations]", "打出")
    with standby.hospital.store.reading() as tx:
        assert [(row["test_ok"], row["test_detail"]) for row in stations.tests(tx.conn)] == [(True, "0801")]


def test_a_code_is_shown_once_with_the_line_to_run_and_taken_back(
    standby: Standby, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    door = tmp_path / "door.address"
    door.write_text("https://10.1.0.9:9443", encoding="ascii")
    standby.app.extensions[authority.ADDRESS] = door
    page = desk("admin", "/console/workstations").page
    page.keyboard.press("F2")
    answer(page, "W77")
    page.wait_for_selector(".enrolment")
    code = re.findall(r"[A-Z0-9]{4}(?:-[A-Z0-9]{4}){3}", page.inner_text(".enrolment"))[0]
    lines = page.locator(".enrolment-line").all_inner_texts()  # for a PC with the agent, and for one without
    known = commands(product_version())
    wanted = ["\n".join(system[what]) for what in ("enrol", "install") for system in known]
    assert [line.split(" --server ")[0] for line in lines] == wanted
    # The page was opened at the loopback, where no other computer finds the standby.
    assert all(f"--server https://10.1.0.9:9443 --code {code}" in line for line in lines)
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=stations]", "W77")
    free(page)
    page.click("#revoke-W77")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=stations]", "工作站表是空的")
    with standby.app.test_client() as client:
        assert client.post("/api/v1/workstations/enrol", json={"code": code}).status_code == 403
