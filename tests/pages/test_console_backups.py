"""The console's page about backups: one is made, opened again, and a restore is rehearsed with the key from paper."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from config.sections import Backup
from config.settings import Settings
from fallback_server.store import backup_file, jobs
from fallback_server.store.returning import job
from sync.central.gateway import CentralGateway
from sync.worker.centre import Centre, NoCentre
from sync.worker.work import Worker
from tests.fixtures_browser import Desk, Standby
from tests.pages.console_hand import SOON, free, wait_for

pytestmark = pytest.mark.browser


def no_centre() -> CentralGateway:
    raise NoCentre("backups need none")


@pytest.fixture
def work(standby: Standby, hospital_settings: Settings, tmp_path: Path) -> Callable[[], bool]:
    """The worker, asked for one job at a time: its own code, in folders of the test."""
    one, two, key = (str(tmp_path / name) for name in ("one", "two", "backup.key"))
    places = Backup(directory=one, second_directory=two, key=key, spare_mb=0)
    settings = hospital_settings.model_copy(update={"backup": places})
    worker = Worker(standby.hospital.store, Centre(no_centre), settings, threading.Event())
    return lambda: worker.one_job((jobs.BACKUP, jobs.AUDIT))


def done(work: Callable[[], bool], page: Page) -> None:
    """The next job, once the page has asked for it."""
    for _ in range(400):
        if work():
            return
        page.wait_for_timeout(50)
    raise AssertionError("the page asked for nothing")


def test_a_backup_is_made_opened_and_rehearsed_from_the_second_place(
    standby: Standby, desk: Callable[..., Desk], work: Callable[[], bool], tmp_path: Path
) -> None:
    page = desk("admin", "/console/backups").page
    page.keyboard.press("F2")
    done(work, page)
    wait_for(page, "#said", "两个位置都有")
    page.wait_for_selector("#press-open:not([disabled])", timeout=SOON)
    free(page)
    page.keyboard.press("F3")
    done(work, page)
    wait_for(page, "[data-live=backups-list]", "可恢复")

    slip = (tmp_path / "backup.key").read_text("utf-8").splitlines()[1]
    page.wait_for_selector("#press-rehearse:not([disabled])", timeout=SOON)
    free(page)
    page.keyboard.press("F4")
    page.wait_for_selector("dialog[open]")
    page.fill("#ask-typed_key", slip[:-1])
    page.fill("#ask-note", "孙科长取出密钥")
    page.keyboard.press("Enter")
    wait_for(page, "dialog [role=alert]", "backup_wrong_key")
    page.fill("#ask-typed_key", slip.lower())
    page.focus("#ask-note")
    page.keyboard.press("Enter")
    done(work, page)
    wait_for(page, "[data-live=backups-opened]", "孙科长取出密钥")
    wait_for(page, "[data-live=backups]", "恢复演练")
    with standby.hospital.store.reading() as tx:
        asked = str([row.arguments for row in tx.conn.execute(job.select())])
    assert slip not in asked and backup_file.key_id(backup_file.read_key(tmp_path / "backup.key")) in asked


def test_who_only_looks_has_no_button(desk: Callable[..., Desk]) -> None:
    page = desk("auditor", "/console/backups").page
    assert page.locator("#press-backup").count() == 0 and "还没有备份" in page.inner_text("#work")
