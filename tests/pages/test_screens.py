"""The pictures of every page and print in both languages: there, and taken anew by `make screens`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from fallback_server.web.pages import Page as Declared
from tests.fixtures_browser import Desk, Standby
from tests.house.tree import ROOT
from tests.pages.busy_day import BusyDay, busy_day
from tests.pages.test_every_page import DECLARED, address, ids, someone

FOLDER = ROOT / "docs/screens"
LANGUAGES = {"zh": "zh-CN", "en": "en-US"}
# CSS pixels of a paper's width at 96 dots an inch.
PAPER = {"roll80": 302, "a5": 559, "a4": 794}


def file_name(page: Declared) -> str:
    """`/console/mirror` → console-mirror.png, `/print/shift/{shift_id}` → print-shift.png."""
    parts = [part for part in page.path.split("/") if part and not part.startswith("{")]
    return ("-".join(parts) or "home") + ".png"


PICTURES = {file_name(page): page for page in DECLARED}


def choose(page: Page, name: str) -> None:
    """Search where the cursor stands and take the first that is found."""
    page.keyboard.type(name)
    page.keyboard.press("Enter")  # a list that has not come yet takes the Enter when it does
    page.wait_for_timeout(800)


def at_registration(page: Page) -> None:
    """A returning patient and a department are chosen."""
    choose(page, "wf")
    choose(page, "nk")


def at_doctor(page: Page) -> None:
    """The first of the queue is open."""
    page.keyboard.press("F6")


def at_pharmacy(page: Page) -> None:
    """The first prescription is open."""
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


STEPS: dict[str, Callable[[Page], None]] = {
    "/registration": at_registration,
    "/billing": lambda page: choose(page, "zw"),
    "/doctor": at_doctor,
    "/pharmacy": at_pharmacy,
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_a_picture_of_every_page_and_print(language: str) -> None:
    there = {path.name for path in (FOLDER / language).glob("*.png")}
    assert there == set(PICTURES) | {"login.png"}, "run `make screens`"


@pytest.mark.screens
@pytest.mark.browser
@pytest.mark.parametrize("declared", DECLARED, ids=ids(DECLARED))
@pytest.mark.parametrize("language", LANGUAGES)
def test_take_the_picture(declared: Declared, language: str, standby: Standby, desk: Callable[..., Desk]) -> None:
    day: BusyDay = busy_day(standby.hospital)
    who = someone(declared)
    there = desk(who, locale=LANGUAGES[language]) if who else desk(locale=LANGUAGES[language])
    there.page.goto(there.url + address(declared, day) + f"?lang={language}")
    if declared.size is None:
        there.ready()
        STEPS.get(declared.path, lambda page: None)(there.page)
    else:
        there.page.set_viewport_size({"width": PAPER[declared.size] + 40, "height": 400})
    there.page.wait_for_timeout(800)
    folder = FOLDER / language
    folder.mkdir(parents=True, exist_ok=True)
    there.page.screenshot(path=folder / file_name(declared), full_page=declared.size is not None)


@pytest.mark.screens
@pytest.mark.browser
@pytest.mark.parametrize("language", LANGUAGES)
def test_take_the_picture_of_the_log_in(language: str, desk: Callable[..., Desk]) -> None:
    there = desk(locale=LANGUAGES[language])
    there.page.goto(f"{there.url}/login?lang={language}")
    there.page.screenshot(path=FOLDER / language / "login.png")
