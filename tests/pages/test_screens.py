"""The pictures of every page and print in both languages: there, and taken anew by `make screens`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from fallback_server.web.pages import Page as Declared
from tests.fixtures_browser import Desk, Standby
from tests.house.tree import ROOT
from tests.pages.scenery import Scene, before_an_outage, in_part, scene_of, signed
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
# Further pictures of the manuals: name → page, and what stands behind it.
MORE: dict[str, tuple[str, Scene]] = {
    "console-ready.png": ("/console", before_an_outage),
    "console-switch-on.png": ("/console/switch", before_an_outage),
    "console-switch-part.png": ("/console/switch", in_part),
    "console-account-balanced.png": ("/console/account", signed),
}


def choose(page: Page, name: str) -> None:
    """Search where the cursor stands and take the first that is found."""
    page.keyboard.type(name)
    page.keyboard.press("Enter")  # a list that has not come yet takes the Enter when it does
    page.wait_for_timeout(800)


def at_registration(page: Page) -> None:
    """A returning patient and a department are chosen."""
    choose(page, "wf")
    choose(page, "nk")


def at_billing(page: Page) -> None:
    """Somebody whose papers the centre had as unpaid, and who has no receipt for them."""
    choose(page, "zw")
    page.keyboard.press("Enter")
    page.wait_for_timeout(600)
    page.keyboard.type("100")


def at_readiness(page: Page) -> None:
    """The instance of a test lies in a folder that no hospital has."""
    cells = "document.querySelectorAll('td')"
    page.evaluate(
        f"{cells}.forEach(one => one.textContent.includes('/pytest-') && one.replaceChildren(SAID))".replace(
            "SAID", "one.textContent.replace(/[/][^ ：:]*pytest-[^ ：:]*/, '/srv/his-yj')"
        )
    )


def at_triage(page: Page) -> None:
    """A department with people in both lanes."""
    choose(page, "nk")


def at_display(page: Page) -> None:
    """The hall of that department, once somebody was called."""
    page.goto(page.url.split("?")[0] + "?department_code=NK&lang=" + page.url.rpartition("=")[2])
    page.wait_for_timeout(500)


def at_doctor(page: Page) -> None:
    """The first of the queue is open."""
    page.keyboard.press("F6")


def at_pharmacy(page: Page) -> None:
    """The first prescription is open."""
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


STEPS: dict[str, Callable[[Page], None]] = {
    "/registration": at_registration,
    "/billing": at_billing,
    "/console/readiness": at_readiness,
    "/triage": at_triage,
    "/triage/display": at_display,
    "/doctor": at_doctor,
    "/pharmacy": at_pharmacy,
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_a_picture_of_every_page_and_print(language: str) -> None:
    there = {path.name for path in (FOLDER / language).glob("*.png")}
    assert there == set(PICTURES) | set(MORE) | {"login.png"}, "run `make screens`"


@pytest.mark.screens
@pytest.mark.browser
@pytest.mark.parametrize("declared", DECLARED, ids=ids(DECLARED))
@pytest.mark.parametrize("language", LANGUAGES)
def test_take_the_picture(declared: Declared, language: str, standby: Standby, desk: Callable[..., Desk]) -> None:
    day = scene_of(declared.path)(standby.hospital)
    who = someone(declared)
    there = desk(who, locale=LANGUAGES[language]) if who else desk(locale=LANGUAGES[language])
    there.page.clock.set_system_time(standby.hospital.clock.now())  # or the roll call says how far we are from that day
    there.page.goto(there.url + address(declared, day) + f"?lang={language}")
    if declared.size is None:
        there.ready()
        there.page.wait_for_timeout(3000 * declared.path.startswith("/console"))  # by then it has looked again
        STEPS.get(declared.path, lambda page: None)(there.page)
    else:
        there.page.set_viewport_size({"width": PAPER[declared.size] + 40, "height": 400})
    there.page.wait_for_timeout(800)
    assert "/login" not in there.page.url
    folder = FOLDER / language
    folder.mkdir(parents=True, exist_ok=True)
    there.page.screenshot(path=folder / file_name(declared), full_page=declared.size is not None)


@pytest.mark.screens
@pytest.mark.browser
@pytest.mark.parametrize("name", MORE)
@pytest.mark.parametrize("language", LANGUAGES)
def test_take_a_further_picture(name: str, language: str, standby: Standby, desk: Callable[..., Desk]) -> None:
    path, scene = MORE[name]
    scene(standby.hospital)
    there = desk("admin", locale=LANGUAGES[language])
    there.page.clock.set_system_time(standby.hospital.clock.now())
    there.open(f"{path}?lang={language}")
    there.page.wait_for_timeout(800)
    assert "/login" not in there.page.url
    there.page.screenshot(path=FOLDER / language / name)


@pytest.mark.screens
@pytest.mark.browser
@pytest.mark.parametrize("language", LANGUAGES)
def test_take_the_picture_of_the_log_in(language: str, desk: Callable[..., Desk]) -> None:
    there = desk(locale=LANGUAGES[language])
    there.page.goto(f"{there.url}/login?lang={language}")
    there.page.screenshot(path=FOLDER / language / "login.png")
