"""A whole incident from the console, with the keyboard, against real processes: a PostgreSQL centre that is stopped and
started, a window server and a worker under `yj up`, a cashier who takes money through the client."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from clients.console.demo import cast, centre
from clients.console.demo.loop import SETTINGS
from clients.console.demo.shelves import known_patients
from clients.console.demo.stage import Stage
from clients.sdk import YjClient
from tests.fixtures_browser import slow_down
from tests.pages.console_hand import free

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900),
]  # fmt: skip
LONG = 180_000  # milliseconds: the worker looks at the centre every fifteen seconds, the machine may be busy


# Every process of the standby finds this first on its path: a centre that is back need not be good for a whole minute
# before the console says so. The minute itself is tested with a clock that is moved.
SOONER = """
from fallback_server.domain import detection
detection.HOLD_SECONDS = 5.0
"""


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A centre with a day's data, and an instance that has none of it yet."""
    (tmp_path / "sooner").mkdir()
    (tmp_path / "sooner/sitecustomize.py").write_text(SOONER, encoding="utf-8")
    known = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "sooner"), *([known] if known else [])]))
    made = Stage(tmp_path / "home")
    made.home.mkdir()
    made.start_centre()
    made.fill_centre("clinic", 7, lambda table, rows: None)
    yield made
    made.close()
    made.destroy_centre()


@pytest.fixture
def sit_down(stage: Stage, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """A person in front of a browser, logged in through the form."""
    contexts: list[BrowserContext] = []

    def opened(who: cast.Login, station: str, leads_to: str = "**/console") -> Page:
        context = chromium.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN", accept_downloads=True)
        context.set_default_timeout(LONG)
        contexts.append(context)
        page = context.new_page()
        slow_down(page)
        page.goto(stage.address + "/")
        page.wait_for_selector("#operator:focus")  # where the first keystroke belongs, once the page is drawn
        for text in (who.code, who.password):
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        page.keyboard.type(station)
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-ready], .note.bad[role=alert]")
        refused = page.locator(".alone [role=alert]")
        assert refused.count() == 0, refused.all_inner_texts()
        page.wait_for_url(leads_to)  # an administrator has no other window than the console
        return page

    yield opened
    for context in contexts:
        context.close()


def wait_for(page: Page, selector: str, words: str) -> None:
    """Until a part of the page says so by itself."""
    page.wait_for_function(
        "([s, w]) => [...document.querySelectorAll(s)].some((e) => e.textContent.includes(w))",
        arg=[selector, words], timeout=LONG,
    )  # fmt: skip


def go(page: Page, tab: int) -> None:
    """To a tab, by its digit."""
    with page.expect_navigation():
        page.keyboard.press(str(tab))
    page.wait_for_selector("body[data-ready]")


def press(page: Page, key: str, *texts: str) -> None:
    """A function key, then the question it asks, field by field; Enter on the last answers it."""
    free(page)
    page.keyboard.press(key)
    page.wait_for_selector("dialog[open]")
    if not texts:
        page.keyboard.press("Enter")
    for text in texts:
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]", state="detached")


def test_an_incident_from_ready_to_closed(stage: Stage, sit_down: Callable[..., Page]) -> None:
    admins = cast.new_admins()
    stage.make_instance(admins, SETTINGS)
    stage.up()
    people = cast.read_logins(stage.logins)
    boss = next(one for one in people if one.roles == ("supervisor",))
    page, second = sit_down(admins[0], "CONSOLE-01"), sit_down(admins[1], "CONSOLE-02")
    is_ready(page)
    cashier = next(one for one in people if one.roles == ("cashier",))
    with YjClient(stage.address, "W-KASSE") as window:
        window.log_in(cashier.person)
        window.heartbeat("cashier", version="1")
        stage.stop_centre()
        switches_on(page, second)
        calls_the_roll(page, window)
        taken = works(window)
    stage.start_centre()
    meddle(stage, taken)
    switches_off(page, admins[1])
    uploads(page)
    decides(page, boss)
    reconciles(page)
    finance = supervisor_at(sit_down, boss)
    signs(page, finance)


def is_ready(page: Page) -> None:
    """The first mirror comes by itself; then everything is green and there is nothing to do."""
    wait_for(page, "[data-live=standby] .lamp", "就绪")
    page.wait_for_selector("[data-live=standby] .lamp.fine", timeout=LONG)
    wait_for(page, "[data-live=centre] .lamp", "正常")
    wait_for(page, "[data-live=next]", "目前没有要做的事")


def switches_on(page: Page, second: Page) -> None:
    """The console says that the centre is away; one switches, another confirms; both windows are called."""
    wait_for(page, ".steps li.now", "切换到应急")
    page.focus("[id^=go-switch_on]")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("body[data-ready]")
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    assert page.input_value("#cause") == "database"
    page.keyboard.press("Enter")
    page.keyboard.type("数据库停机，HIS 无法登录")
    press(page, "F9")
    page.wait_for_selector("#switch-off")
    go(second, 2)
    second.keyboard.press("F2")
    wait_for(second, "dd", "A02")


def calls_the_roll(page: Page, window: YjClient) -> None:
    """The window that has not switched stands on top; once it has, all have: the consoles themselves are no windows."""
    go(page, 3)
    assert "未切换" in page.inner_text("tbody tr >> nth=0")
    window.heartbeat("cashier", version="1")
    wait_for(page, "[data-live=roll]", "全部已切换")
    assert "1 / 1" in page.inner_text("[data-live=roll] .bar")


def works(window: YjClient) -> dict[str, Any]:
    """A cashier charges, gives back, and charges a prescription that the centre wrote before it stopped."""
    window.open_shift({"float": "200.00"})
    known = known_patients(window, 6)
    items = [one for one in window.fee_items(limit=50) if one["active"] and Decimal(one["unit_price"]) > 0]
    made = [
        charged(window, {"patient_id": one["id"], "lines": [{"item_code": item["item_code"], "quantity": 1}]})
        for one, item in zip(known[:5], items, strict=False)
    ]
    window.refund(made[4]["id"], {"reason": "重复收费"})
    paper = next(one for one in window.prescriptions(status="unpaid") if one["origin"] == "centre")
    settled = charged(window, {"patient_id": paper["patient_id"], "prescription_ids": [paper["id"]]})
    return {
        "receipt": made[0]["receipt_no"], "stranger": known[5]["patient_no"], "paper": str(paper["central_key"]),
        "settled": settled["id"],
    }  # fmt: skip


def charged(window: YjClient, basket: dict[str, Any]) -> dict[str, Any]:
    """Quote, then pay in cash."""
    total = window.quote(basket)["total"]
    paid = [{"method": "cash", "amount": total}]
    done: dict[str, Any] = window.charge({**basket, "payments": paid, "expected_total": total})
    return done


def meddle(stage: Stage, taken: dict[str, Any]) -> None:
    """The centre, back again, uses a receipt number of ours and takes money for the prescription we charged."""
    receipts = [(taken["receipt"], taken["stranger"])]
    told = centre.meddle(stage.centre.url, paid_here=[taken["paper"]], receipts_used=receipts, persons=[])
    assert len(told.done) == 2


def switches_off(page: Page, second: cast.Login) -> None:
    """The console says that the centre is back; two people switch off, with upload."""
    go(page, 1)
    wait_for(page, ".steps", "两人切回")
    go(page, 2)
    press(page, "F8", second.code, second.password)
    wait_for(page, ".switch", "正在切回")


def uploads(page: Page) -> None:
    """Progress is seen; the clean documents arrive and the windows are released by themselves."""
    go(page, 6)
    wait_for(page, "[data-live=progress]", "冲突 ")
    wait_for(page, "[data-live=upload-acts]", "其余等待人工处理")
    wait_for(page, "#band", "正常模式")
    done, total = (int(one) for one in page.inner_text(".total").split("/"))
    assert 0 < done < total


# What a tired but careful person decides, by what the heading says; the keys are on the buttons.
DECIDED = {
    "票据号在中心已被使用": "decide-retry_without_receipt", "处方在中心已收费": "decide-retry_unsettled",
    "处方在中心已": "decide-retry_unsettled",
}  # fmt: skip


# Everything has arrived, or the centre gave something back to a person: nothing was open when the run was asked for.
SENT = """() => {
  const [done, all] = document.querySelector('.total').textContent.split('/').map(Number);
  return done === all || document.querySelector('#to-conflicts') !== null;
}"""


def decides(page: Page, boss: cast.Login) -> None:
    """Until no conflict is open and nothing is left to send: decide, upload again."""
    decided = 0
    for _ in range(4):
        go(page, 7)
        while "待决定 0" not in page.inner_text("[data-live=conflict-list]"):
            decide_one(page, boss)
            decided += 1
        go(page, 6)
        page.wait_for_selector("#press-upload:not([disabled])")
        page.keyboard.press("F2")
        # Not before the run has sent something may the screen be believed: until then it shows what was before.
        page.wait_for_function(SENT)
        done, total = (int(one) for one in page.inner_text(".total").split("/"))
        if done == total:
            assert decided >= 2
            return
    raise AssertionError(page.inner_text("#work"))


def decide_one(page: Page, boss: cast.Login) -> None:
    """The conflict that is shown, by its key; with the second person where the button says so."""
    heading = page.inner_text("[data-live^=conflict-]:not([data-live=conflict-list]) h2")
    waiting = page.inner_text("[data-live=conflict-list] .push")
    wanted = next((one for words, one in DECIDED.items() if heading.startswith(words)), None)
    button = page.locator(f"#{wanted}" if wanted else ".decisions button >> nth=0")
    key, two = button.get_attribute("data-key"), button.get_attribute("data-approver")
    assert key is not None
    press(page, key, "已核对", *((boss.code, boss.password) if two else ()))
    page.wait_for_function(
        "(before) => document.querySelector('[data-live=conflict-list] .push').textContent !== before", arg=waiting
    )


def reconciles(page: Page) -> None:
    """The account is made; what differs by decision is explained by name; then it balances."""
    go(page, 8)
    page.keyboard.press("F2")
    page.wait_for_selector("[data-live=totals] .verdict")
    while page.locator("[data-act=explain]").count():
        left = page.locator("[data-act=explain]").count()
        page.locator("[data-act=explain] >> nth=0").focus()
        press(page, "Enter", "已逐笔核对，见冲突决定")
        page.wait_for_function("(n) => document.querySelectorAll('[data-act=explain]').length < n", arg=left)
    wait_for(page, ".verdict", "账平")
    local, ledger, central = (one.inner_text() for one in page.locator(".totals .total").all())
    assert local == ledger == central != "0.00"


def supervisor_at(sit_down: Callable[..., Page], boss: cast.Login) -> Page:
    """Finance has other windows too: the home page leads to the console by its digit."""
    finance = sit_down(boss, "FINANCE-01", "**/")
    door = next(i for i, one in enumerate(finance.locator(".doors a").all()) if one.get_attribute("href") == "/console")
    go(finance, door + 1)
    go(finance, 8)
    return finance


def signs(page: Page, finance: Page) -> None:
    """IT signs, finance signs, the incident is closed; what is left is its report, and what only people can tick."""
    page.wait_for_selector("#sign-it:not([disabled])")
    press(page, "F8")
    wait_for(page, ".signing", "A01")
    finance.wait_for_selector("#sign-finance:not([disabled])")
    press(finance, "F9")
    go(page, 5)
    wait_for(page, "[data-live=incident]", "已关闭")
    left = {row.get_attribute("id") for row in page.locator(".checklist tr.open").all()}
    by_hand = {f"step-{one}" for one in ("sound", "agreed", "windows", "sheets", "mirror", "shifts", "receipts")}
    assert left <= by_hand, left
    go(page, 1)
    wait_for(page, "[data-live=next]", "报告定稿")
    page.focus("[id^=go-report]")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("#report-1", timeout=LONG)  # the worker made it by itself
