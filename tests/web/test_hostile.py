"""What a hostile or unlucky browser sends: addresses of other sites, odd headers, a store that nobody can write to."""

from __future__ import annotations

import pytest
from flask import Flask

from clients.pages import PAGES_DIR
from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.errors import YjError
from fallback_server.store.session import Store
from tests.fixtures_hospital import PASSWORD, Hospital


@pytest.fixture
def pages(sqlite_store_url: str, clock: SettableClock, hospital_settings: Settings) -> Flask:
    """An instance with its pages."""
    return create_app(hospital_settings, clock, PAGES_DIR, store=Store(sqlite_store_url, clock, pool_size=4))


FORM = {"operator": "0201", "password": PASSWORD, "workstation": "W1"}


@pytest.mark.parametrize(
    "further", ["//evil.example", "/\t/evil.example", "/\\evil.example", "/\r\n/evil.example", "https://evil.example"]
)
def test_a_log_in_never_leads_to_another_site(pages: Flask, further: str) -> None:
    with pages.test_client() as client:
        answer = client.post("/login", data={**FORM, "next": further})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "/\t/evil.example"])
def test_the_way_back_from_a_trouble_stays_here(pages: Flask, path: str) -> None:
    with pages.test_client() as client:
        page = client.get("/", environ_overrides={"PATH_INFO": path}).get_data(as_text=True)
    assert 'href="//' not in page and 'href="/\\' not in page and "\t" not in page
    assert "evil.example" in page


def test_what_was_asked_stays_in_the_way_back(pages: Flask) -> None:
    with pages.test_client() as client:
        page = client.get("/nowhere?incident=2&x=%22").get_data(as_text=True)
    assert 'href="/nowhere?incident=2&amp;x=%22"' in page


def test_a_token_of_odd_signs_is_a_wrong_token(pages: Flask) -> None:
    with pages.test_client() as client:
        client.post("/login", data=FORM)
        answer = client.post("/api/v1/shifts/open", json={"float": "1.00"}, headers={"YJ-CSRF": "é"})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "csrf_rejected")


def locked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nobody gets to write."""

    def writing(*_: object) -> None:
        raise YjError("busy")

    monkeypatch.setattr(store, "writing", writing)


def test_an_act_at_a_locked_store_is_busy_and_may_be_sent_again(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = hospital.window("cashier")
    with monkeypatch.context() as patch:
        locked(hospital.store, patch)
        reply = window.post("/shifts/open", {"float": "1.00"}, key="key-0000001")
        assert (reply.status, reply.code) == (503, "busy")
        # A refusal that cannot be noted is still that refusal.
        refused = window.post("/mode/emergency", {"cause": "server", "reason": "x"})
        assert (refused.status, refused.code) == (403, "forbidden")
    hospital.emergency()
    assert window.post("/shifts/open", {"float": "1.00"}, key="key-0000001").status == 201


def test_a_log_out_at_a_locked_store_says_so(pages: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with pages.test_client() as client:
        client.post("/login", data=FORM)
        locked(pages.extensions["yj_store"], monkeypatch)
        answer = client.post("/logout")
    assert answer.status_code == 503
    assert "busy" in answer.get_data(as_text=True)
