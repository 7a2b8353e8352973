"""A window that stays open through the switch while parts of the standby are killed: `yj up` as a hospital runs it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from clients.console.main import main
from config.settings import load
from fallback_server.domain.clock import SystemClock, to_text
from fallback_server.domain.modes import Permit
from fallback_server.store.database import open_mirror_engine
from fallback_server.store.mode_switch import enter_emergency
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Actor, Store
from tests.fixtures_browser import Desk
from tests.fixtures_hospital import CAST, publish
from tests.fixtures_up import Up
from tests.pages.hand import NOTE_PRINTS, Hand
from tests.pages.till import came_out, item

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
]  # fmt: skip
ADMINS = [{"operator": f"A0{n}", "name": "王敏", "password": "apple7tree"} for n in (1, 2)]
STATION = "W0201"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """A running standby with the cast in its mirror."""
    (tmp_path / "admins.json").write_text(json.dumps(ADMINS), encoding="utf-8")
    home = tmp_path / "home"
    assert main(["init", "--home", str(home), "--admins", str(tmp_path / "admins.json")]) == 0
    engine = open_mirror_engine(load(home, {}).database.url)
    publish(engine, CAST, as_of=to_text(SystemClock().now()))
    engine.dispose()
    running = Up(home)
    try:
        running.parts()
        yield running
    finally:
        running.end()


@pytest.fixture
def till(up: Up, chromium: Browser) -> Iterator[Page]:
    """A cashier's window by TLS, opened while everything is normal."""
    context = chromium.new_context(locale="zh-CN", timezone_id="Asia/Shanghai", ignore_https_errors=True)
    context.set_default_timeout(120_000)
    page = Desk(context.new_page(), up.https, STATION).log_in("cashier", "/billing")
    page.evaluate(NOTE_PRINTS)
    page.evaluate("window.neverLoadedAgain = true")
    yield page
    context.close()


def test_an_open_window_goes_on_by_itself_through_the_switch_and_the_kills_of_door_and_server(
    up: Up, till: Page
) -> None:
    hand = Hand(till)
    till.wait_for_selector("body[data-mode=normal]")
    hand.at("#find")
    form_filled(hand)
    switch_on(up)
    till.wait_for_selector("body[data-mode=emergency]")
    hand.dialog("开班")
    hand.at("#ask-float").type("200").press("Enter", 4).alone()
    till.wait_for_selector("#shift-state.good")
    form_intact(till)

    followed_again(up, till, "door")
    form_intact(till)
    hand.press("F9")
    hand.dialog("请核对打印机里的票据号")
    server = up.kill("serve")
    hand.press("Enter")  # nobody is there; it is sent again until somebody answers
    came_out(hand)
    up.another("serve", server)
    assert charged(up) == ["25.00"]

    hand.at("#find")
    form_filled(hand)
    followed_again(up, till, "serve", "door")
    form_intact(till)
    hand.press("F9")  # the paper was compared once: that is enough
    came_out(hand)
    assert charged(up) == ["25.00", "25.00"]
    assert till.evaluate("window.neverLoadedAgain")


def form_filled(hand: Hand) -> None:
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    form_intact(hand.page)


def form_intact(page: Page) -> None:
    page.wait_for_selector("#due:has-text('25.00')")
    assert "SMITH" in page.inner_text("#person") and "血常规" in page.inner_text("#basket")


def followed_again(up: Up, page: Page, *parts: str) -> None:
    """Kill these; wait until the page has the stream of a new door, and an answer of a server behind it."""
    with page.expect_response(lambda answer: answer.url.endswith("/mode/events") and answer.ok):
        killed = {name: up.kill(name) for name in parts}
    for name, pid in killed.items():
        up.another(name, pid)
    up.parts()
    page.wait_for_selector("#silent", state="hidden")


def switch_on(up: Up) -> None:
    store = Store(load(up.home, {}).database.url, SystemClock())
    with store.writing(Permit.HOUSEKEEPING, Actor("A01", "王敏", frozenset({"admin"}))) as tx:
        enter_emergency(tx, cause="server", reason="test", departments=None, drill=False)
    store.close()


def charged(up: Up) -> list[str]:
    """The amounts of all charges that the standby has."""
    store = Store(load(up.home, {}).database.url, SystemClock())
    with store.reading() as tx:
        wanted = select(outbox.c.amount).where(outbox.c.entity == "charge").order_by(outbox.c.sequence)
        found = [f"{amount:.2f}" for amount in tx.conn.execute(wanted).scalars()]
    store.close()
    return found
