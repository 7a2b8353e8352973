"""Many pages of one browser, and pages of a hall, behind the front door: few streams, and everybody is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from clients.pages import PAGES_DIR
from fallback_server.web.behind import behind_door
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_door import SECRET, DoorThread, until
from tests.pages.hand import Hand
from tests.pages.test_triage import registered

pytestmark = pytest.mark.browser
TABS = 8  # a browser has six connections to a server

# What is looked at every three seconds is not looked at any more: what is new on the page was told by the stream.
NO_LOOKING = "window.setInterval = ((real) => (what, every) => (every === 3000 ? 0 : real(what, every)))(setInterval)"

# What a page said of the mode and the notice from now on, however shortly.
WATCH = """() => {
  window.said = [];
  const notice = document.querySelector("[data-band=notice]");
  const watch = new MutationObserver(() => window.said.push(`${document.body.dataset.mode} ${notice.textContent}`));
  watch.observe(document.body, { attributeFilter: ["data-mode"] });
  watch.observe(notice, { childList: true });
}"""
SAY = "(words) => { const all = new BroadcastChannel('yj-stream '); words.forEach((one) => all.postMessage(one)); }"


@pytest.fixture
def door(standby: Standby, tmp_path: Path) -> Iterator[DoorThread]:
    """A door before the standby; the windows come by TLS."""
    standby.app.wsgi_app = behind_door(standby.app.wsgi_app, SECRET)  # type: ignore[method-assign]
    here = DoorThread(standby.url, tmp_path / "certificates", pages=PAGES_DIR).open()
    yield here
    here.close()


def streams(door: DoorThread) -> int:
    assert door.door is not None
    return door.door.hub.readers


def test_eight_tabs_of_a_browser_share_one_stream_and_the_next_takes_it_over(
    standby: Standby, door: DoorThread, desk: Callable[..., Desk]
) -> None:
    there = desk(station="W0101", ignore_https_errors=True)
    there.url = door.https
    tabs = [there.log_in("registrar", "/registration")]
    context = tabs[0].context
    for _ in range(TABS - 1):
        tabs.append(context.new_page())
        tabs[-1].goto(f"{door.https}/registration")
        tabs[-1].wait_for_selector("body[data-ready]")
    assert [tab.evaluate("document.visibilityState") for tab in tabs] == ["visible"] * TABS
    until(lambda: streams(door) == 1, 60)
    assert [tab.evaluate("fetch('/healthz').then((answer) => answer.status)") for tab in tabs] == [200] * TABS

    context.route("**/api/v1/mode", lambda route: route.abort())  # nobody hears of it by asking
    standby.hospital.emergency()
    for tab in tabs:
        tab.wait_for_selector("body[data-mode=emergency]")
    assert streams(door) == 1

    # One that stood still behind a dialogue wakes and says what it had heard before: nobody goes back.
    now = standby.hospital.window("registrar").get("/mode").json
    before = {**now, "mode": "normal", "epoch": now["epoch"] - 1}
    late = [{"mode": {**now, "notice": "昨天"}, "turn": 1}, {"mode": before}, {"mode": {**now, "notice": "消防演习"}}]
    for tab in tabs:
        tab.evaluate(WATCH)
    tabs[-1].evaluate(SAY, late)
    for tab in tabs:
        tab.wait_for_function("() => window.said.includes('emergency 消防演习')")
        assert set(tab.evaluate("window.said")) <= {"emergency ", "emergency 消防演习"}

    tabs.pop(0).close()  # the first that came holds the stream
    standby.hospital.back()
    for tab in tabs:
        tab.wait_for_selector("body[data-mode=normal]")
    until(lambda: streams(door) == 1, 60)


def nurse_and_screen(door: DoorThread, desk: Callable[..., Desk]) -> tuple[Page, Page]:
    nurse = desk(station="W0501", ignore_https_errors=True)
    screen = desk(ignore_https_errors=True)
    nurse.url = screen.url = door.https
    for one in (nurse, screen):
        one.page.add_init_script(NO_LOOKING)
    Hand(nurse.log_in("triage", "/triage")).at("#department").choose("nk", of="内科门诊").at("#yj-lane tr")
    screen.open("/triage/display?department_code=NK")
    return nurse.page, screen.page


def test_the_nurse_and_the_screen_in_the_hall_are_told_who_came_was_called_and_left(
    standby: Standby, door: DoorThread, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency()
    registered(standby, "P1001")
    nurse, screen = nurse_and_screen(door, desk)
    until(lambda: streams(door) == 2, 60)  # two computers
    grave = registered(standby, "P1007", triage_level=2)
    nurse.wait_for_selector("#yj-lane tr:has-text('王凤')")
    screen.wait_for_selector("#waiting li:has-text('YJ 2')")

    window = standby.hospital.window("0501")
    assert window.post(f"/triage/queue/{grave}", {"status": "called"}).status == 200
    nurse.wait_for_selector("#yj-lane tr:has-text('王凤'):has-text('已叫号')")
    screen.wait_for_selector("#called li:has-text('YJ 2')")

    # The centre's patient goes to another door: here he is gone, though his place is there now.
    [his] = window.get("/triage/queue", department_code="NK").json["centre"]
    moved = window.post(f"/triage/queue/{his['id']}", {"status": "waiting", "department_code": "EK"})
    assert moved.status == 200
    nurse.wait_for_selector("#centre-lane tr:has-text('张伟')", state="detached")
    screen.wait_for_selector("#waiting li:has-text('12 ')", state="detached")

    standby.hospital.back()
    screen.wait_for_selector("#mark:has-text('请看 HIS 叫号屏')")
