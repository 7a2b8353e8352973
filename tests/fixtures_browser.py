"""A window in the system's Chromium against a running server, for tests that work as people do: with the keyboard."""

from __future__ import annotations

import os
import random
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from waitress import create_server

from clients.pages import PAGES_DIR
from config.sections import Backup
from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain.clock import SettableClock
from fallback_server.door import certificates
from fallback_server.store.session import Store
from tests.fixtures_hospital import CODES, PASSWORD, Hospital

# As root in a container there is no sandbox to be had; the rest keeps the browser from looking for its makers.
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip


# Pages only show where backups lie; they never look there.
PLACES = Backup(directory="/srv/his-yj/backups", second_directory="/mnt/nas/his-yj", key="/srv/his-yj/backup.key")

# `PAGES_THROTTLE=6` slows every page as an old window PC does: what only passes on a fast machine shows itself.
THROTTLE = float(os.environ.get("PAGES_THROTTLE", "1"))

# `PAGES_LATENCY=1.5` lets every answer of the standby take up to so many seconds, each another time: a test that looks
# before the answer is there, or goes on while one is under way, shows itself on any machine.
LATENCY = float(os.environ.get("PAGES_LATENCY", "0"))


def free_port() -> int:
    """A port that nobody has at the moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def slow_down(page: Page) -> None:
    """Take away processor time from this page, where that is asked for."""
    if THROTTLE > 1:
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})


def late(app: Any) -> Any:
    """The same application, whose pages and answers come late, where that is asked for; files of the pages do not."""

    def answer(environ: dict[str, Any], start: Any) -> Any:
        if not environ["PATH_INFO"].startswith("/static/"):
            time.sleep(random.uniform(0.2, 1) * LATENCY)
        return app(environ, start)

    return answer if LATENCY else app


@dataclass
class Standby:
    """The window server on a real port, in this process. `stop` and `start` are a restart that windows live through."""

    hospital: Hospital
    app: Flask
    port: int
    _server: Any = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Answer at the port again."""
        end = time.monotonic() + 30
        while True:
            try:
                self._server = create_server(
                    late(self.app), host="127.0.0.1", port=self.port, threads=24 if LATENCY else 8,
                    clear_untrusted_proxy_headers=False,
                )  # fmt: skip
                break
            except OSError:  # the old socket is still closing
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self._thread = threading.Thread(target=self._serve, args=(self._server,), name="standby", daemon=True)
        self._thread.start()

    @staticmethod
    def _serve(server: Any) -> None:
        with suppress(OSError):  # `stop` takes the sockets away under the loop that waits for them
            server.run()

    def stop(self) -> None:
        """Answer nobody."""
        if self._server is None or self._thread is None:
            return
        # The loop ends by itself once its sockets are gone.
        self._server.close()
        for channel in list(self._server.active_channels.values()):
            channel.close()
        self._server.task_dispatcher.shutdown()
        self._thread.join(5)
        self._server = self._thread = None


@dataclass
class Desk:
    """One person's browser: a context of its own with its page."""

    page: Page
    url: str
    station: str
    problems: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of the standby and wait until its scripts have run."""
        self.page.goto(self.url + path)
        return self.ready()

    def ready(self) -> Page:
        """Wait until the page's scripts have run."""
        self.page.wait_for_selector("body[data-ready], body.alone")
        return self.page

    def come_in(self, who: str, path: str = "/") -> Page:
        """Log in as a role of the cast as the form would, without a look at it, and open a page."""
        form = {"operator": CODES.get(who, who), "password": PASSWORD, "workstation": self.station}
        answer = self.page.request.post(
            f"{self.url}/login", form=form, headers={"Accept": "text/html"}, max_redirects=0
        )
        assert answer.status == 303, answer.text()
        return self.open(path)

    def log_in(self, who: str, path: str = "/") -> Page:
        """Log in as a role of the cast, through the form."""
        code = CODES.get(who, who)
        self.page.goto(f"{self.url}/login?next={path}")
        self.page.fill("#operator", code)
        self.page.fill("#password", PASSWORD)
        self.page.fill("#workstation", self.station)
        with self.page.expect_navigation():
            self.page.press("#workstation", "Enter")
        return self.ready()


@pytest.fixture(scope="session")
def playwright_driver() -> Iterator[Playwright]:
    """The driver of the browser, once a session."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright_driver: Playwright) -> Iterator[Browser]:
    """The system's Chromium, headless."""
    path = next(found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name)))
    browser = playwright_driver.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
    yield browser
    browser.close()


@contextmanager
def standing(url: str, clock: SettableClock, settings: Settings) -> Iterator[Standby]:
    """The instance whose store is at `url`, with its pages, on a real port, for as long as the block lasts."""
    store = Store(url, clock, pool_size=20)
    settings = settings.model_copy(update={"backup": PLACES})
    authority = settings.home / certificates.FOLDER / certificates.CA_CERTIFICATE  # a picture may put one there
    app = create_app(settings, clock, PAGES_DIR, store=store, authority_file=authority)
    running = Standby(Hospital(url, clock, store, app), app, free_port())
    running.start()
    try:
        yield running
    finally:
        running.stop()
        store.close()


@pytest.fixture
def standby(sqlite_store_url: str, clock: SettableClock, hospital_settings: Settings) -> Iterator[Standby]:
    """A fresh instance with the cast, with its pages, on a real port, in mode normal."""
    with standing(sqlite_store_url, clock, hospital_settings) as running:
        yield running


@pytest.fixture
def desk(chromium: Browser, standby: Standby) -> Iterator[Callable[..., Desk]]:
    """Opens browsers: `desk("cashier", "/billing")` is a cashier at a computer of her own, logged in there.

    A script error on any page fails the test, whatever else was looked at.
    """
    contexts: list[BrowserContext] = []
    desks: list[Desk] = []

    def opened(who: str | None = None, path: str = "/", *, station: str | None = None, **options: Any) -> Desk:
        context = chromium.new_context(
            viewport={"width": 1366, "height": 768}, locale=options.pop("locale", "zh-CN"),
            timezone_id="Asia/Shanghai", **options,
        )  # fmt: skip
        context.set_default_timeout(30_000)  # a busy machine is no fault of a page
        contexts.append(context)
        page = context.new_page()
        slow_down(page)
        found = Desk(page, standby.url, station or f"W{CODES.get(who or '', who or '0000')}")
        page.on("pageerror", lambda error: found.problems.append(f"page error: {error}"))
        desks.append(found)
        if who is not None:
            found.come_in(who, path)
        return found

    yield opened
    found = [problem for one in desks for problem in one.problems]
    for context in contexts:
        context.close()
    assert found == []
