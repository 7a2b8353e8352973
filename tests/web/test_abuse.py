"""What somebody in the hospital's network might try: guessing, sessions made beforehand, other people's numbers."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from clients.pages import PAGES_DIR
from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain import hash_schemes
from fallback_server.domain.clock import SettableClock
from fallback_server.store.people import session
from fallback_server.store.session import Store
from tests.fixtures_hospital import CODES, PASSWORD, Hospital

FORM = {"operator": "0201", "password": PASSWORD, "workstation": "W1"}


@pytest.fixture
def pages(sqlite_store_url: str, clock: SettableClock, hospital_settings: Settings) -> Flask:
    """An instance with its pages."""
    return create_app(hospital_settings, clock, PAGES_DIR, store=Store(sqlite_store_url, clock, pool_size=4))


def guess(app: Flask, operator: str, password: str, address: str) -> Any:
    with app.test_client() as client:
        body = {"operator": operator, "password": password, "workstation": "W1"}
        return client.post("/api/v1/session", json=body, environ_base={"REMOTE_ADDR": address})


def test_each_wrong_password_doubles_the_wait_whichever_computer_it_comes_from(pages: Flask) -> None:
    waits = []
    clock: Any = pages.extensions["yj_store"].clock
    for number in range(9):
        while (answer := guess(pages, "0201", f"guess-{number}-x", f"10.0.0.{number}")).status_code == 429:
            waits.append(int(answer.headers["Retry-After"]))
            clock.advance(waits[-1])
    assert answer.status_code == 401
    assert waits == [3, 5, 9, 17]
    assert guess(pages, "0201", PASSWORD, "10.0.1.1").status_code == 429


def test_one_password_against_everybody_stops_the_address_and_nobody_else(pages: Flask) -> None:
    for number in range(50):
        assert guess(pages, f"nobody-{number}", "Summer2026", "10.0.0.66").status_code == 401
    stopped = guess(pages, "0201", PASSWORD, "10.0.0.66")
    assert (stopped.status_code, stopped.get_json()["code"]) == (429, "too_many_requests")
    assert guess(pages, "0201", PASSWORD, "10.0.0.67").status_code == 200
    for number in range(60):  # a proxy on this machine stands for all windows
        guess(pages, f"nobody-{number}", "Summer2026", "127.0.0.1")
    assert guess(pages, "0202", PASSWORD, "127.0.0.1").status_code == 200


@pytest.mark.parametrize("operator", ["0201", "9999", "0401"])
def test_a_refusal_costs_a_hash_whoever_it_is_about(
    hospital: Hospital, operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wasted = []
    monkeypatch.setattr(hash_schemes, "waste", lambda password: wasted.append(password))
    assert guess(hospital.app, operator, "guess-1-x", "10.0.0.1").get_json()["code"] == "login_failed"
    assert len(wasted) == 1


def test_a_token_made_beforehand_opens_nothing_after_the_victim_logs_in(pages: Flask) -> None:
    with pages.test_client() as client:
        client.set_cookie("yj_session", "made-beforehand")
        assert client.post("/login", data=FORM).status_code == 303
        cookie = client.get_cookie("yj_session")
        first = cookie.value if cookie else ""
        assert first not in ("", "made-beforehand")
        client.post("/login", data=FORM)
        again = client.get_cookie("yj_session")
        assert again is not None and again.value != first
    with pages.test_client() as other:
        other.set_cookie("yj_session", "made-beforehand")
        assert other.get("/", follow_redirects=False).headers["Location"].startswith("/login")


def test_the_session_cookie_is_for_this_site_and_no_script(pages: Flask) -> None:
    with pages.test_client() as client:
        plain = client.post("/login", data=FORM).headers.getlist("Set-Cookie")
        secure = client.post("/login", data=FORM, base_url="https://localhost").headers.getlist("Set-Cookie")
    for lines, wanted in (
        (plain, ("HttpOnly", "SameSite=Strict")),
        (secure, ("HttpOnly", "SameSite=Strict", "Secure")),
    ):
        assert all(word in next(line for line in lines if "yj_session" in line) for word in wanted)


WRITES = [
    ("/api/v1/shifts/open", {"float": "1.00"}), ("/api/v1/session/end", {}),
    ("/api/v1/session/password", {"password": PASSWORD, "new_password": "Evil-ward-2026"}),
    ("/api/v1/operators/codes", {"operators": ["0202"]}),
    ("/api/v1/mode/emergency", {"cause": "server", "reason": "x"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), WRITES, ids=[path for path, _ in WRITES])
def test_the_cookie_alone_writes_nothing(pages: Flask, path: str, body: dict[str, Any]) -> None:
    with pages.test_client() as client:
        client.post("/login", data={**FORM, "operator": "0801"})
        for headers in ({}, {"YJ-CSRF": "guess"}, {"Origin": "https://evil.example"}):
            answer = client.post(path, json=body, headers={"Idempotency-Key": "key-0000001", **headers})
            assert (answer.status_code, answer.get_json()["code"]) == (403, "csrf_rejected")
        as_form = client.post(path, data=body, headers={"Idempotency-Key": "key-0000001"})
        assert as_form.status_code in (403, 415)
    store: Store = pages.extensions["yj_store"]
    with store.reading() as tx:
        assert tx.mode.epoch == 0
        assert tx.conn.execute(select(session.c.ended_at)).scalars().all() == [None]


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_nobody_is_logged_in_or_out_from_another_site(pages: Flask, headers: dict[str, str]) -> None:
    with pages.test_client() as client:
        assert client.post("/login", data=FORM, headers=headers).status_code == 403
        client.post("/login", data=FORM)
        assert client.post("/logout", headers=headers).status_code == 403
        assert client.get("/billing").status_code == 200


def test_no_page_of_ours_stands_in_a_frame_of_theirs_or_loads_from_elsewhere(pages: Flask) -> None:
    with pages.test_client() as client:
        headers = client.get("/login").headers
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_one_s_own_is_taken_from_the_session_and_never_from_the_request(yj: Hospital) -> None:
    mine, other = yj.window("cashier"), yj.window("cashier2")
    opened = mine.post("/shifts/open", {"float": "100.00"}).json
    shift = opened["id"]
    assert other.get(f"/shifts/{shift}").status in (403, 404)
    assert [one["id"] for one in other.get("/shifts", operator=CODES["cashier"]).json.get("items", [])] == []
    # Nobody says for whom: a body that tries is refused as a whole.
    for path, body in (
        ("/shifts/close", {"counted": [], "operator": CODES["cashier"]}),
        ("/receipt-book/confirm", {"next_no": 5022, "operator": CODES["cashier"]}),
        ("/session/password", {"operator": "0201", "password": PASSWORD, "new_password": "Evil-ward-2026"}),
        ("/session/end", {"operator": "0201"}),
    ):
        assert other.post(path, body).code == "invalid_request"
    assert other.get("/receipt-book").json["books"][0]["prefix"] == "A"
    assert other.post("/receipt-book/confirm", {"next_no": 5030}).code == "receipt_number_outside"
    assert mine.get(f"/shifts/{shift}").json["closed_at"] is None


def test_a_session_can_be_neither_seen_nor_ended_by_another(yj: Hospital) -> None:
    mine, other = yj.window("cashier"), yj.window("cashier2")
    for path in ("/session", "/sessions", f"/sessions/{mine.token}", "/session/end"):
        assert other.get(path).status in (404, 405)
    assert other.post("/session/end").status == 200
    assert mine.get("/departments").status == 200
