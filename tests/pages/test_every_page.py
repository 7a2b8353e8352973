"""What holds for every page and print: no barrier that axe-core calls serious, light, whole on a small screen."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, Response

from config.settings import Settings
from fallback_server.domain.clock import SettableClock
from fallback_server.web.pages import Page as Declared
from fallback_server.windows import all_pages
from tests.fixtures_browser import Desk, Standby, standing
from tests.fixtures_hospital import MONDAY
from tests.house.tree import ROOT
from tests.pages.busy_day import BusyDay, busy_day, practised

pytestmark = [pytest.mark.browser]

AXE = ROOT / ".venv/node_modules/axe-core/axe.min.js"
WEIGHT: Final = 150_000  # bytes transferred with an empty cache
DECLARED = [page for group in all_pages() for page in group.pages]
PAGES = [page for page in DECLARED if page.size is None]
PRINTS = [page for page in DECLARED if page.size is not None]
# Role → a person of the cast; the first role of the page's that stands here opens it.
PEOPLE = ("cashier", "registrar", "doctor", "pharmacist", "triage", "admin", "supervisor", "duty", "auditor")


def address(page: Declared, day: BusyDay) -> str:
    """The page's path with something of the day in it."""
    return re.sub(r"{(\w+)}", lambda match: str(_value(match[1], page.path, day)), page.path)


def _value(name: str, path: str, day: BusyDay) -> Any:
    if "refund" in path or "refund" in name:
        return day.refund
    for word, value in (
        ("drill", day.drill), ("registration", day.registration), ("prescription", day.prescription),
        ("order", day.order),
        ("charge", day.charge), ("receipt", day.charge), ("shift", day.shift), ("incident", day.incident),
        ("document", day.charge), ("no", day.incident),
    ):  # fmt: skip
        if word in name or word in path:
            return value
    raise AssertionError(f"{path}: say here what {name} may be")


def someone(page: Declared) -> str | None:
    """Who opens it; nobody for a page without log-in."""
    return next((role for role in PEOPLE if role in page.roles), None) if page.roles else None


@pytest.fixture(scope="module")
def standby(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, hospital_settings: Settings
) -> Iterator[Standby]:
    """One for all: here everybody only looks."""
    folder = tmp_path_factory.mktemp("every_page")
    for file in sqlite_template.iterdir():
        shutil.copy(file, folder / file.name)
    with standing(f"sqlite:///{folder}/yj.db", SettableClock(MONDAY), hospital_settings) as running:
        yield running


@pytest.fixture(scope="module")
def day(standby: Standby) -> BusyDay:
    """The morning that the pages show, and a drill before it."""
    practised(standby.hospital)
    return busy_day(standby.hospital)


def opened(desk: Callable[..., Desk], page: Declared, day: BusyDay, **options: Any) -> Page:
    """The page as the one who works with it sees it."""
    who = someone(page)
    there = desk(who, **options) if who else desk(**options)
    there.page.goto(there.url + address(page, day))
    return there.ready() if page.size is None else there.page


def ids(pages: list[Declared]) -> list[str]:
    return [page.path for page in pages]


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: npm was not there at `make setup`")
@pytest.mark.parametrize("declared", PAGES, ids=ids(PAGES))
def test_no_page_has_a_serious_barrier(declared: Declared, day: BusyDay, desk: Callable[..., Desk]) -> None:
    page = opened(desk, declared, day, bypass_csp=True)
    page.add_script_tag(path=str(AXE))
    page.wait_for_timeout(300)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)")
    bad = [
        (one["id"], one["impact"], [node["html"][:120] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert bad == []


@pytest.mark.parametrize("declared", PAGES, ids=ids(PAGES))
def test_no_page_is_heavy(declared: Declared, day: BusyDay, desk: Callable[..., Desk]) -> None:
    who = someone(declared)
    there = desk(who) if who else desk()
    loaded: list[Response] = []
    there.page.on("response", lambda response: loaded.append(response) if "/api/" not in response.url else None)
    there.page.context.clear_cookies(name="nothing")
    cdp = there.page.context.new_cdp_session(there.page)
    cdp.send("Network.setCacheDisabled", {"cacheDisabled": True})
    there.page.goto(there.url + address(declared, day))
    there.ready()
    sizes = [response.request.sizes() for response in loaded]  # as they travelled
    assert 1_000 < sum(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes) < WEIGHT


@pytest.mark.parametrize("width, height", [(1366, 768), (1093, 614)], ids=["100%", "125%"])
@pytest.mark.parametrize("declared", PAGES, ids=ids(PAGES))
def test_no_page_is_wider_than_the_screen(
    declared: Declared, width: int, height: int, day: BusyDay, desk: Callable[..., Desk]
) -> None:
    page = opened(desk, declared, day)
    page.set_viewport_size({"width": width, "height": height})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("declared", PRINTS, ids=ids(PRINTS))
def test_every_print_carries_what_it_must(declared: Declared, day: BusyDay, desk: Callable[..., Desk]) -> None:
    page = opened(desk, declared, day)
    words = page.inner_text("body")
    drill = declared.path.startswith("/print/drill")
    assert ("演练 DRILL" if drill else "YJ") in page.inner_text(".mark")
    for needed in ("测试医院", f"事件 {1 if drill else day.incident}", "数据截至 2026-11-23 08:00", "2026-11-23"):
        assert needed in words, needed
    assert page.locator("svg.qr path").count() == 1
    assert re.search(r"校验 \d+-[0-9a-f]{12}", words)


@pytest.mark.parametrize("declared", PRINTS, ids=ids(PRINTS))
def test_every_print_is_a_pdf_too(declared: Declared, day: BusyDay, desk: Callable[..., Desk]) -> None:
    who = someone(declared)
    there = desk(who)
    answer = there.page.request.get(there.url + address(declared, day) + ".pdf")
    assert answer.status == 200
    assert answer.body().startswith(b"%PDF-")
