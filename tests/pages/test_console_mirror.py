"""The mirror at the console: run, stopped, let go, rolled back, a held run approved."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fallback_server.store import mirror
from fallback_server.store.database import open_mirror_engine
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import Hospital
from tests.pages.console_hand import SOON, answer, finish_jobs, free, jobs_of, wait_for

pytestmark = pytest.mark.browser


def held_run(hospital: Hospital) -> int:
    """A run of the mirror that a guard holds, with a rejected row, as the worker leaves one."""
    with open_mirror_engine(hospital.url).connect() as raw:
        connection = raw.execution_options(yj_write=True)
        with connection.begin():
            problem = {"kind": "shrunk", "dataset": "drug", "zh": "药品由 13 行减为 2 行。", "en": "13 to 2",
                       "numbers": {}, "examples": []}  # fmt: skip
            row = {
                "run_id": 100, "trigger": "schedule", "requested_by": "system", "datasets": ["drug"], "state": "held",
                "started_at": hospital.window("auditor").get("/mode").json["since"], "content_hash": "c" * 64,
                "counts": {"drug": {"read": 2}}, "problems": [problem], "seconds": {},
            }  # fmt: skip
            return int(connection.execute(mirror.run.insert().returning(mirror.run.c.run_id), row).scalar_one())


def test_the_mirror_is_run_stopped_let_go_and_rolled_back(standby: Standby, desk: Callable[..., Desk]) -> None:
    hospital = standby.hospital
    page = desk("admin", "/console/mirror").page
    assert page.locator("[data-live=datasets] tbody tr").count() == 18
    page.keyboard.press("F2")
    wait_for(page, "[data-live=mirror-bar]", "等待中")
    finish_jobs(hospital, result={"state": "published"})
    page.wait_for_selector("#press-stop", timeout=SOON)
    page.keyboard.press("F4")
    answer(page, "DBA 要求")
    wait_for(page, "[data-live=mirror-notes]", "DBA 要求")
    free(page)
    page.keyboard.press("F4")
    page.wait_for_selector("#press-stop", timeout=SOON)
    page.wait_for_selector("#press-back:not([disabled])", timeout=SOON)
    free(page)
    page.keyboard.press("F7")
    answer(page, "价格有误")
    wait_for(page, "[data-live=mirror-bar]", "等待中")
    assert jobs_of(hospital)[-1] == ("mirror", {"rollback": True, "reason": "价格有误"})


def test_a_held_run_is_explained_and_approved_with_a_reason(standby: Standby, desk: Callable[..., Desk]) -> None:
    number = held_run(standby.hospital)
    page = desk("admin", "/console/mirror").page
    assert "药品由 13 行减为 2 行" in page.inner_text(".held")
    page.keyboard.press("F8")
    answer(page, "")
    assert "请填写" in page.inner_text("dialog [role=alert]")
    answer(page, "药房清理了目录")
    wait_for(page, "[data-live=mirror-bar]", "等待中")
    assert jobs_of(standby.hospital) == [("mirror", {"approve": number, "reason": "药房清理了目录"})]
    duty = desk("duty", "/console/mirror").page
    assert duty.locator("[data-act=mirror_approve]").count() == 0
