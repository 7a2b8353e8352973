"""Pages behind the front door: told of the switch as it happens, and going on by themselves when something dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clients.pages import PAGES_DIR
from fallback_server.web.behind import behind_door
from tests.fixtures_browser import Desk, Standby
from tests.fixtures_door import SECRET, DoorThread
from tests.pages.hand import NOTE_PRINTS, Hand
from tests.pages.test_registration import charges

pytestmark = pytest.mark.browser


@pytest.fixture
def door(standby: Standby, tmp_path: Path) -> Iterator[DoorThread]:
    """A door before the standby; the windows come by TLS."""
    standby.app.wsgi_app = behind_door(standby.app.wsgi_app, SECRET)  # type: ignore[method-assign]
    here = DoorThread(standby.url, tmp_path / "certificates", pages=PAGES_DIR).open()
    yield here
    here.close()


# A page whose stream is cut asks seldom, and says seldom that it lives: here ten times as often.
SOONER = """
const sooner = (real) => (work, after) => real(work, after >= 10000 && after <= 15000 ? after / 10 : after);
window.%s = sooner(window.%s.bind(window));
"""


def registrar(door: DoorThread, desk: Callable[..., Desk]) -> Hand:
    there = desk(station="W0101", ignore_https_errors=True)
    there.url = door.https
    page = there.log_in("registrar", "/registration")
    page.evaluate(NOTE_PRINTS)
    return Hand(page)


def test_an_open_page_goes_on_by_itself_through_the_switch_and_the_deaths_of_door_and_server(
    standby: Standby, door: DoorThread, desk: Callable[..., Desk]
) -> None:
    hand = registrar(door, desk)
    page = hand.page
    kept = {one["name"]: one for one in page.context.cookies()}
    assert kept["yj_session"]["secure"] and kept["yj_session"]["httpOnly"]
    page.route("**/api/v1/mode", lambda route: route.abort())  # it is told, or never hears of it
    standby.hospital.emergency()
    page.wait_for_selector("body[data-mode=emergency]")
    page.unroute("**/api/v1/mode")

    assert standby.hospital.window("registrar", "W0101").post("/shifts/open", {"float": "200.00"}).status == 201
    page.reload()
    page.wait_for_selector(".paper-no:has-text('GH00000101')")
    page.evaluate(NOTE_PRINTS)
    hand.at("#find").choose("wf").at("#department").choose("nk").at("#offers tr").press("Enter").at("#pay-0-tendered")
    hand.type("50").press("F9")
    hand.dialog("请核对打印机里的票据号")
    door.close()
    hand.press("Enter")
    page.wait_for_selector("#silent:not([hidden])")
    door.open()  # the act was sent again until it was answered
    hand.dialog("挂号单 打印出来了吗")
    hand.press("Enter").alone()
    assert [one["change"] for one in charges(standby)] == ["20.00"]
    page.wait_for_selector("#silent", state="hidden")

    hand.at("#find").choose("wf").at("#department").choose("nk")
    standby.stop()
    page.wait_for_selector("#silent:not([hidden])")
    standby.start()
    page.wait_for_selector("#silent", state="hidden")
    assert "王芳" in page.inner_text("#card") and page.input_value("#department") == "内科门诊"


def test_a_page_whose_stream_is_cut_asks_for_the_mode(
    standby: Standby, door: DoorThread, desk: Callable[..., Desk]
) -> None:
    hand = registrar(door, desk)
    hand.page.add_init_script(SOONER % ("setTimeout", "setTimeout"))
    hand.page.route("**/mode/events*", lambda route: route.abort())
    hand.page.reload()
    hand.page.wait_for_selector("body[data-ready]")
    standby.hospital.emergency()
    hand.page.wait_for_selector("body[data-mode=emergency]")


# A stream of which only the first word arrives; whatever follows is held back on the way.
HELD_BACK = """
window.EventSource = class extends EventTarget {
  constructor(address) {
    super();
    fetch(address.replace("/events", "")).then((answer) => answer.text())
      .then((data) => { this.dispatchEvent(new MessageEvent("message", { data })); window.firstWord = true; });
  }
  close() {}
};
"""


def test_a_page_whose_stream_is_held_back_hears_of_the_switch_by_its_heartbeat(
    standby: Standby, door: DoorThread, desk: Callable[..., Desk]
) -> None:
    page = registrar(door, desk).page
    page.add_init_script(SOONER % ("setInterval", "setInterval"))
    page.add_init_script(HELD_BACK)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.wait_for_function("() => window.firstWord")  # a bare name would be forbidden here
    standby.hospital.emergency()
    page.wait_for_selector("body[data-mode=emergency]")


def test_a_reload_while_the_server_starts_again_waits_and_comes_by_itself(
    standby: Standby, door: DoorThread, desk: Callable[..., Desk]
) -> None:
    page = registrar(door, desk).page
    standby.stop()
    page.reload()
    assert "正在重新启动" in page.inner_text("[role=alert]")
    standby.start()
    page.wait_for_selector("body[data-ready]")
    assert page.url.endswith("/registration")
