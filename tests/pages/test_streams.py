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
from tests.pages.surgery import WANG, ZHANG, done, paid, prescription, visit
from tests.pages.test_triage import registered

pytestmark = pytest.mark.browser
TABS = 8  # a browser has six connections to a server

# What is looked at every few seconds is not looked at any more: what is new on the page was told by the stream.
NO_LOOKING = """
const looks = [3000, 4000, 8000];
window.setInterval = ((real) => (what, every) => (looks.includes(every) ? 0 : real(what, every)))(setInterval);
"""

# Everything, to the letter, that the door says to somebody who is not logged in and listens for this.
LISTEN = """(concern) => {
  window.heard = "";
  fetch(`/api/v1/mode/events?${concern}`, { credentials: "omit" }).then(async ({ body }) => {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = {}; !piece.done; piece = await reader.read()) window.heard += piece.value ?? "";
  });
}"""
SELECTED = "[aria-selected=true]"

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


def at_work(door: DoorThread, desk: Callable[..., Desk], who: str, station: str, path: str) -> Hand:
    there = desk(station=station, ignore_https_errors=True)
    there.url = door.https
    there.page.add_init_script(NO_LOOKING)
    return Hand(there.come_in(who, path)).at("#find")


def test_a_doctor_is_told_of_the_queue_and_keeps_what_is_typed_and_chosen(
    standby: Standby, door: DoorThread, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency()
    visit(standby)
    hand = at_work(door, desk, "doctor", "W0301", "/doctor")
    page = hand.page
    page.evaluate(LISTEN, "hall=NK")
    page.wait_for_selector("#queue tr:has-text('王芳')")
    hand.press("ArrowDown").at("#queue tr")
    for _ in range(5):
        if "王芳" in page.inner_text(f"#queue {SELECTED}"):
            break
        hand.press("ArrowDown")
    grave = registered(standby, "P1007", triage_level=2)  # stands before all others
    page.wait_for_selector("#queue tr:first-child:has-text('王凤')")
    assert "王芳" in hand.at(f"#queue {SELECTED}").page.inner_text(f"#queue {SELECTED}")

    hand.press("Escape").at("#find").type("王")
    nurse = standby.hospital.window("triage")
    assert nurse.post(f"/triage/queue/{grave}", {"status": "called"}).status == 200
    page.wait_for_selector("#queue tr:has-text('王凤'):has-text('已呼叫')")
    assert (hand.at("#find").page.input_value("#find"), page.locator(f"#queue {SELECTED}").count()) == ("王", 1)

    page.select_option("#department", "")  # every hall of the hospital
    page.wait_for_selector("#queue .where")
    registered(standby, "P1003", "EK")
    page.wait_for_selector("#queue tr:has-text('张伟'):has-text('儿科')")
    words = page.evaluate("window.heard")
    assert "event: queue\ndata: {}\n\n" in words and "王" not in words and grave not in words


def test_a_pharmacist_is_told_who_paid_was_given_or_refunded_and_keeps_what_is_typed_and_chosen(
    standby: Standby, door: DoorThread, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency()

    def bought(patient: str) -> tuple[str, str]:
        """A prescription and the charge that paid for it."""
        made = visit(standby, patient)
        written = str(prescription(standby, made["id"], "A002")["id"])
        return written, str(paid(standby, made["id"], written)["id"])

    bought(WANG)
    hand = at_work(door, desk, "pharmacist", "W0401", "/pharmacy")
    page = hand.page
    page.evaluate(LISTEN, "pharmacy=XYF")
    page.wait_for_selector("#rows tr:has-text('王芳')")
    hand.press("ArrowDown").at("#rows tr")
    for _ in range(5):
        if "王芳" in page.inner_text("#person"):
            break
        hand.press("ArrowDown")
    hand.press("Escape").at("#find").type("GH0")
    standby.hospital.clock.advance(60)
    first, _ = bought(ZHANG)
    page.wait_for_selector("#rows tr:first-child:has-text('张伟')")
    assert (hand.at("#find").page.input_value("#find"), "王芳" in page.inner_text("#person")) == ("GH0", True)

    other = standby.hospital.window("pharmacist2")
    done(other.post(f"/prescriptions/{first}/handover", {"checked_by": "0401"}))
    page.wait_for_selector("#rows tr:has-text('张伟')", state="detached")
    _, charge = bought(ZHANG)
    page.wait_for_selector("#rows tr:has-text('张伟')")
    done(standby.hospital.window("cashier").post(f"/charges/{charge}/refund", {"reason": "不要了"}))
    page.wait_for_selector("#rows tr:has-text('张伟')", state="detached")
    assert "王芳" in page.inner_text("#person") and "王芳" in page.inner_text(f"#rows {SELECTED}")
    words = page.evaluate("window.heard")
    assert "event: queue\ndata: {}\n\n" in words and "王" not in words and charge not in words
