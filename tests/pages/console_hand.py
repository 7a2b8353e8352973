"""What the console's tests do at the keyboard and in the store's back room: answer questions, wait for live parts, end
jobs as the worker would."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from sqlalchemy import select, update

from fallback_server.domain.modes import Permit
from fallback_server.store.returning import job
from tests.fixtures_hospital import Hospital
from tests.fixtures_return import ADMIN

SOON = 30_000  # milliseconds in which a live part must have followed, on a busy machine


def wait_for(page: Page, selector: str, words: str) -> None:
    """Until the part says so."""
    page.wait_for_function(
        "([s, w]) => [...document.querySelectorAll(s)].some((e) => e.textContent.includes(w))",
        arg=[selector, words], timeout=SOON,
    )  # fmt: skip


def free(page: Page) -> None:
    """Until the act before is over: its part may follow sooner, and a key pressed until then does nothing."""
    page.wait_for_selector("body:not([data-busy])", timeout=SOON)


def answer(page: Page, *texts: str) -> None:
    """Fill the question in front, field by field, and press Enter on the last."""
    page.wait_for_selector("dialog[open]")
    for text in texts:
        page.keyboard.type(text)
        page.keyboard.press("Enter")


def jobs_of(hospital: Hospital) -> list[tuple[str, dict[str, Any]]]:
    with hospital.store.reading() as tx:
        return [(row.kind, row.arguments) for row in tx.conn.execute(select(job).order_by(job.c.id))]


def mode_of(hospital: Hospital) -> dict[str, Any]:
    found: dict[str, Any] = hospital.window("auditor").get("/mode").json
    return found


def finish_jobs(hospital: Hospital, state: str = "done", **values: Any) -> None:
    """What the worker would have written."""
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(job).where(job.c.state == "queued").values(state=state, finished_at=tx.at, **values))


def pdf_words(path: Path, folder: Path) -> str:
    """What a person reads on the paper."""
    text = folder / "paper.txt"
    subprocess.run(["pdftotext", "-layout", str(path), str(text)], check=True, timeout=60)
    return text.read_text("utf-8")
