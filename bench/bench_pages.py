"""How long a page needs until a person can type, on a computer four times slower, beside the log-in form."""

from __future__ import annotations

import shutil
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bench.run import Figure
from bench.stage import free_port, median, process, stage

RUNS = 5
SLOWDOWN = 4  # a window computer of ten years ago
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
# Page → the role that works there. The log-in form is a page of ours without any script.
PAGES = {
    "/registration": "registrar", "/billing": "cashier", "/doctor": "doctor", "/pharmacy": "pharmacist",
    "/triage": "triage", "/console": "admin",
}  # fmt: skip
READY = "body[data-ready]"


def measure() -> list[Figure]:
    """For each window A B A B …: navigation until the scripts are ready, and the log-in form until it is drawn."""
    browser_path = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
    if browser_path is None:
        return []  # no browser on this machine: there is nothing to measure
    figures = []
    with stage() as here, sync_playwright() as driver:
        here.open_for_business()
        browser = driver.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        serve = ("-m", "clients.console", "--home", str(here.settings.home), "serve", "--host", "127.0.0.1")
        with process(*serve, "--port", str(free_port())) as address:
            for path, role in PAGES.items():
                login = here.operators(role, 1)[0]
                context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
                page = context.new_page()
                _log_in(page, address, login)
                context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
                ours, bare = [], []
                for _ in range(RUNS):
                    ours.append(_until(page, address + path, READY))
                    bare.append(_until(page, address + "/login", "#operator"))
                context.close()
                figures.append(
                    Figure(
                        f"time to interactive of {path}, processor / {SLOWDOWN}", median(ours), "ms", "log-in form",
                        median(bare), median(ours) / median(bare), "—", RUNS,
                    )
                )  # fmt: skip
        browser.close()
    return figures


def _until(page: Page, address: str, selector: str) -> float:
    """Milliseconds from the start of a navigation until `selector` is there, by the browser's own clock."""
    page.goto(address, wait_until="commit")
    page.wait_for_selector(selector, state="attached")
    return float(page.evaluate("performance.now()"))


def _log_in(page: Page, address: str, login: dict[str, Any]) -> None:
    page.goto(address + "/login?next=/")
    page.fill("#operator", login["operator"])
    page.fill("#password", login["password"])
    page.fill("#workstation", f"B-{login['operator']}")
    with page.expect_navigation():
        page.press("#workstation", "Enter")
