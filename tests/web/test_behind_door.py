"""The real application behind the real front door, as windows and strangers see it from their own addresses."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from waitress import create_server

from clients.pages import PAGES_DIR
from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain.clock import SettableClock
from fallback_server.store.audit import audit
from fallback_server.store.session import Store
from fallback_server.web.behind import behind_door
from tests.fixtures_browser import free_port
from tests.fixtures_door import SECRET, DoorThread
from tests.fixtures_hospital import PASSWORD
from tests.web.test_abuse import FORM

Opened = Callable[..., DoorThread]
NGINX: Any = {"certificate": None, "key": None, "proxies": frozenset({"127.0.0.1"})}


@pytest.fixture
def store(sqlite_store_url: str, clock: SettableClock) -> Store:
    return Store(sqlite_store_url, clock, pool_size=8)


@pytest.fixture
def door(store: Store, clock: SettableClock, hospital_settings: Settings, tmp_path: Path) -> Iterator[Opened]:
    """Doors before one window server with pages."""
    app = create_app(hospital_settings, clock, PAGES_DIR, store=store)
    port, doors = free_port(), []
    server: Any = create_server(
        behind_door(app, SECRET), host="127.0.0.1", port=port, threads=4, clear_untrusted_proxy_headers=False
    )

    def run() -> None:
        with suppress(OSError):
            server.run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def opened(**options: Any) -> DoorThread:
        doors.append(DoorThread(f"http://127.0.0.1:{port}", tmp_path / "certificates", **options).open())
        return doors[-1]

    yield opened
    for one in doors:
        one.close()
    server.close()
    server.task_dispatcher.shutdown()
    thread.join(30)
    store.close()


def log_in(where: str, operator: str, password: str, **headers: str) -> int:
    body = {"operator": operator, "password": password, "workstation": "W1", "take_over": True}
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.post(f"{where}/api/v1/session", json=body, headers=headers).status_code


def test_spraying_stops_the_stranger_s_address_as_the_door_saw_it(door: Opened, store: Store) -> None:
    """Through a named proxy each window has its own address; without one nobody can say he is somebody else."""
    proxied, plain = door(**NGINX).http, door(certificate=None, key=None).http
    for number in range(50):
        assert log_in(proxied, f"nobody-{number}", "Summer2026", **{"X-Forwarded-For": "10.0.0.66"}) == 401
    assert log_in(proxied, "0201", PASSWORD, **{"X-Forwarded-For": "1.2.3.4, 10.0.0.66"}) == 429, "only the last counts"
    assert log_in(proxied, "0201", PASSWORD, **{"X-Forwarded-For": "10.0.0.67"}) == 200
    assert log_in(plain, "0202", PASSWORD, **{"X-Forwarded-For": "10.0.0.66"}) == 200, "not believed"
    with store.reading() as tx:
        seen = set(tx.conn.execute(select(audit.c.address).where(audit.c.action == "session.open")).scalars())
    assert seen == {"10.0.0.66", "10.0.0.67", "127.0.0.1"}


def test_cookies_and_heads_behind_the_door_are_those_of_a_safe_site(door: Opened) -> None:
    here = door(pages=PAGES_DIR)
    with httpx.Client(verify=ssl.create_default_context(cafile=str(here.ca)), trust_env=False, timeout=30) as client:
        done = client.post(here.https + "/login", data=FORM)
        kept = [line for line in done.headers.get_list("Set-Cookie") if line.startswith("yj_")]
        page = client.get(here.https + "/billing")
    assert done.status_code == 303 and len(kept) == 2
    assert all(word in line for line in kept for word in ("; Secure", "; HttpOnly", "; SameSite=Strict"))
    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"] == "max-age=86400"
    assert page.headers["X-Content-Type-Options"] == "nosniff" and page.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "same-origin" and page.headers["Cache-Control"] == "no-store"
    assert page.headers["Server"] == "his-yj" and "X-Powered-By" not in page.headers


def test_a_page_s_session_is_good_at_its_own_address_only(door: Opened) -> None:
    here = door(**NGINX)
    with httpx.Client(trust_env=False, timeout=30, headers={"X-Forwarded-For": "10.0.0.5"}) as client:
        client.post(here.http + "/login", data=FORM)
        assert client.get(here.http + "/billing").status_code == 200
        stolen = client.get(here.http + "/billing", headers={"X-Forwarded-For": "10.0.0.6"})
    assert stolen.status_code == 302 and stolen.headers["Location"].startswith("/login")


def test_a_form_of_another_site_stays_out_behind_the_door_too(door: Opened) -> None:
    here = door(pages=PAGES_DIR)
    with httpx.Client(verify=ssl.create_default_context(cafile=str(here.ca)), trust_env=False, timeout=30) as client:
        other = client.post(here.https + "/login", data=FORM, headers={"Origin": "https://evil.example"})
        own = client.post(here.https + "/login", data=FORM, headers={"Origin": here.https})
    assert (other.status_code, own.status_code) == (403, 303)


def test_many_names_deep_lists_and_ways_out_are_refused_in_words(door: Opened) -> None:
    here = door(certificate=None, key=None)
    bodies = {
        "deep": b'{"operator": ' + b"[" * 900 + b"]" * 900 + b"}",
        "many": ("{" + ",".join(f'"a{n}": 1' for n in range(50_000)) + "}").encode(),
        "long list": b'{"operator": [' + b"0," * 300_000 + b"0]}",
    }
    with httpx.Client(base_url=here.http, trust_env=False, timeout=30) as client:
        for name, body in bodies.items():
            answer = client.post("/api/v1/session", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in (400, 422), name
            assert len(answer.content) < 20_000 and answer.json()["code"] in ("malformed_json", "invalid_request")
        form = client.post("/login", data={f"a{n}": "1" for n in range(3000)})
        assert form.status_code in (401, 413, 422)
        many = client.get("/api/v1/mode?" + "&".join(f"a{n}=1" for n in range(2000)))
        assert many.status_code in (200, 404, 422)
        for way in ("..%2f..%2fyj.toml", "%2e%2e/%2e%2e/yj.db", "..%5cyj.db", "js%00.js", "/etc/passwd"):
            assert client.get(f"/static/x/{way}", follow_redirects=True).status_code == 404, way
