"""What no browser sends: requests that two readers read differently, floods, odd hosts, ways out of the folder."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from typing import Any

import httpx
import pytest

from clients.pages import PAGES_DIR
from fallback_server.domain.errors import YjError
from fallback_server.domain.shelf import fingerprint
from fallback_server.door import limits, passing
from fallback_server.door.limits import Buckets, Limits
from fallback_server.web import cookies
from tests.fixtures_door import Inner, Opened, until

FAR: Any = {"near": lambda _caller: False, "certificate": None, "key": None}


def send(port: int, request: bytes, *, seconds: float = 30) -> bytes:
    """Send bytes and take everything until the door closes, or says nothing for so long."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as wire:
        try:
            wire.sendall(request)
            while piece := wire.recv(65_536):
                found += piece
        except (ConnectionError, TimeoutError):
            pass
    return found


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


# --- two readers of one request ---------------------------------------------------------------------------------------
INSIDE = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
AMBIGUOUS = {
    "length and chunks": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(INSIDE)),
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(INSIDE),
    "a list of lengths": b"Content-Length: 0, %d\r\n\r\n" % len(INSIDE),
    "a signed length": b"Content-Length: +0\r\n\r\n",
    "a negative length": b"Content-Length: -1\r\n\r\n",
    "an odd coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n",
    "a folded line": b"X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
    "a bare line feed": b"X: a\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
    "a NUL": b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a signed chunk": b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
    "a chunk in hex": b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a chunk without end": b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
}


def test_requests_that_can_be_read_in_two_ways_bring_nothing_past_the_door(door: Opened, inner: Inner) -> None:
    """Whatever the server sees, the door saw as a request of its own and said whose it is."""
    here = door()
    for name, rest in AMBIGUOUS.items():
        answer = send(here.front.port, POST + rest + INSIDE, seconds=3)
        assert 400 in statuses(answer) or statuses(answer) == [], name
        assert [one for one in inner.seen if one[1] == "/smuggled"] == [], name
        with httpx.Client(trust_env=False, timeout=30) as window:  # and nothing is left over for whoever comes next
            assert window.get(here.http + "/next").json()["path"] == "/next", name
    assert all(by_door for _, _, by_door in inner.seen)


def test_two_requests_in_a_row_are_two_requests(door: Opened, inner: Inner) -> None:
    two = b"GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert statuses(send(door().front.port, two)) == [200, 200]
    assert inner.seen == [("GET", "/one", True), ("GET", "/two", True)]


def test_an_upgrade_stays_an_ordinary_request(door: Opened, inner: Inner) -> None:
    here = door()
    for kind in (b"websocket", b"h2c"):
        asked = (
            b"GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: %b\r\n"
            b"HTTP2-Settings: AAMAAABk\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        ) % kind
        assert 101 not in statuses(send(here.front.port, asked))
    assert all(by_door for _, _, by_door in inner.seen)


STRANGE = [
    b"CONNECT evil.example:443 HTTP/1.1", b"GET http://evil.example/x HTTP/1.1", b"OPTIONS * HTTP/1.1",
    b"TRACE /x HTTP/1.1", b"GET  /x HTTP/1.1", b"GET /x HTTP/9.9", b"GET //evil.example/x HTTP/1.1",
]  # fmt: skip


def test_the_door_is_nobody_s_proxy(door: Opened, inner: Inner) -> None:
    here = door()
    for line in STRANGE:
        answer = send(here.front.port, line + b"\r\nHost: a\r\nConnection: close\r\n\r\n", seconds=3)
        assert not any(status >= 500 or status == 101 for status in statuses(answer)), line
    assert all(by_door for _, _, by_door in inner.seen)


# --- heads ------------------------------------------------------------------------------------------------------------


def test_nothing_that_was_asked_becomes_a_line_of_the_answer(door: Opened) -> None:
    here = door(near=lambda _caller: False)
    answer = send(here.front.port, b"GET /x%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert statuses(answer) == [307] and b"\r\nset-cookie" not in head


def test_nobody_is_sent_on_to_a_host_that_is_none(door: Opened) -> None:
    here = door(near=lambda _caller: False)
    for host in (b"evil.example/x", b"a b", b'a"><script>', b"evil.example:99999999", b"\xff"):
        answer = send(here.front.port, b"GET /x HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
        assert statuses(answer) == [400] and b"\r\nlocation:" not in answer.lower(), host


def test_two_hosts_are_refused(door: Opened, inner: Inner) -> None:
    here = door()
    both = send(here.front.port, b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n")
    assert statuses(both) == [400] and inner.seen == []


def test_long_addresses_and_thousands_of_head_lines_end_at_the_door(door: Opened, inner: Inner) -> None:
    here = door()
    long = send(here.front.port, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    many = send(here.front.port, b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 40_000 + b"\r\n")
    assert statuses(long) == [400] and statuses(many) in ([400], [])
    assert inner.seen == []
    with httpx.Client(trust_env=False, timeout=30) as window:
        assert window.get(here.http + "/next").status_code == 200


# --- ways out of the folder -------------------------------------------------------------------------------------------
WAYS_OUT = [
    "../../yj.toml", "%2e%2e/%2e%2e/yj.toml", "..%2f..%2fyj.toml", "%252e%252e%252fyj.toml", "..%5c..%5cyj.toml",
    "....//....//yj.toml", "%c0%ae%c0%ae/yj.toml", "js/..%00/yj.toml", "/etc/passwd", "%2fetc%2fpasswd", "js/./../../x",
]  # fmt: skip


def test_no_way_leads_out_of_the_folder_of_files(door: Opened, inner: Inner) -> None:
    """The door has its files by name; what it does not have it passes on, and the server looks by itself."""
    here = door(pages=PAGES_DIR)
    for way in WAYS_OUT:
        path = f"/static/{fingerprint(PAGES_DIR / 'static')}/{way}"
        answer = send(here.front.port, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert b"root:" not in answer and b"[central]" not in answer, way
    assert len(inner.seen) == len(WAYS_OUT), "none is a file of the door's"


# --- how often --------------------------------------------------------------------------------------------------------


def test_two_hundred_windows_behind_one_address_are_never_told_to_wait() -> None:
    """All open at once, as at the switch, then search and charge without a pause for ten minutes."""
    told = Limits(30, 600)
    for window in range(200):
        for _ in range(20):
            told.ask(f"t{window}", "10.0.0.1", 0.0)
    for second in range(1, 601):
        for window in range(200):
            for part in range(2):
                told.ask(f"t{window}", "10.0.0.1", second + part / 2)


def test_one_session_that_asks_without_end_waits_and_the_others_do_not() -> None:
    told = Limits(30, 600)
    with pytest.raises(YjError) as refused:
        for _ in range(1000):
            told.ask("one", "10.0.0.1", 0.0)
    assert refused.value.code == "too_many_requests" and refused.value.params["seconds"] == 1
    told.ask("other", "10.0.0.1", 1.0)
    told.ask(None, "10.0.0.1", 1.0)
    told.ask("one", "10.0.0.1", 1.0)


def test_one_session_that_never_stops_uses_up_nothing_of_the_others_at_its_address() -> None:
    told = Limits(30, 600)
    for _ in range(20_000):
        with suppress(YjError):
            told.ask("one", "10.0.0.1", 0.0)
    for window in range(100):
        told.ask(f"t{window}", "10.0.0.1", 0.0)


def test_a_new_token_each_time_does_not_help_and_nothing_grows_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_KEPT", 100)
    told = Limits(30, 600)
    with pytest.raises(YjError):
        for number in range(7000):
            told.ask(f"made-up-{number}", "10.0.0.1", 0.0)
    told.ask("made-up", "10.0.0.2", 0.0)
    assert len(told._sessions._left) <= 100
    off = Buckets(0)
    assert [off.take("x", 0.0) for _ in range(10_000)] == [0.0] * 10_000


def test_who_asks_too_often_is_told_when_to_come_again(door: Opened, inner: Inner) -> None:
    here = door(**FAR, session_rate=1, address_rate=1000, pages=PAGES_DIR)
    with httpx.Client(
        base_url=here.http, trust_env=False, timeout=30, headers={"Authorization": "Bearer one"}
    ) as window:
        answers = [window.get("/api/v1/drugs") for _ in range(200)]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["code"] == "too_many_requests" and "频繁" in refused.json()["detail"]
        assert 1 <= int(refused.headers["Retry-After"]) <= 10
        assert answers[0].status_code == 200
        person = window.get("/billing", headers={"Accept": "text/html"})
        assert person.status_code == 429 and 'http-equiv="refresh"' in person.text
        file = f"/static/{fingerprint(PAGES_DIR / 'static')}/js/kernel/frame.js"
        assert window.get(file).status_code == 200, "files are not counted"
        assert window.get("/api/v1/drugs", headers={"Authorization": "Bearer other"}).status_code == 200
    reached = len(inner.seen)
    assert reached < 200, "what was refused never reached the server"


def test_programs_of_this_machine_and_named_proxies_are_not_counted(door: Opened) -> None:
    near = door(certificate=None, key=None, session_rate=1, address_rate=1)
    proxy = door(**FAR, session_rate=1, address_rate=1, proxies=frozenset({"127.0.0.1"}))
    for here in (near, proxy):
        with httpx.Client(base_url=here.http, trust_env=False, timeout=30) as window:
            assert {window.get("/api/v1/drugs").status_code for _ in range(50)} == {200}
    with httpx.Client(
        base_url=proxy.http, trust_env=False, timeout=30, headers={"X-Forwarded-For": "10.0.0.9"}
    ) as window:
        assert 429 in {window.get("/api/v1/drugs").status_code for _ in range(50)}, "whom it speaks for is"


def test_large_bodies_that_come_slowly_do_not_fill_the_memory(
    door: Opened, inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "BODY_SECONDS", 20)
    here = door(max_body_bytes=1_000_000)
    slow = [socket.create_connection(("127.0.0.1", here.front.port), timeout=30) for _ in range(limits.LARGE_AT_ONCE)]
    try:
        for wire in slow:
            wire.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\nabc")
        large = b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n" + b"a" * 100_000
        until(lambda: 429 in statuses(send(here.front.port, large)))
        small = b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
        assert statuses(send(here.front.port, small)) == [201], "what windows send goes on"
    finally:
        for wire in slow:
            wire.close()
    until(lambda: statuses(send(here.front.port, large)) == [201])


def test_connections_that_say_nothing_hold_none_of_the_server_s_threads(door: Opened, inner: Inner) -> None:
    """Straight at the window server, as only a program of this machine can: it has four threads here."""
    here = door()
    silent = [socket.create_connection(("127.0.0.1", inner.port), timeout=30) for _ in range(80)]
    try:
        for wire in silent:
            wire.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        with httpx.Client(base_url=here.http, trust_env=False, timeout=30) as window:
            assert {window.get("/x").status_code for _ in range(20)} == {200}
    finally:
        for wire in silent:
            wire.close()


def test_a_reader_who_takes_nothing_gives_the_server_its_thread_back(
    door: Opened, inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "READ_SECONDS", 0.3)
    here = door()
    lazy = []
    try:
        for _ in range(6):  # more than the server has threads
            wire = socket.socket()
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire.connect(("127.0.0.1", here.front.port))
            wire.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
            lazy.append(wire)
        until(lambda: sum(path == "/big" for _, path, _ in inner.seen) >= 4)
        answers: list[int] = []
        with httpx.Client(base_url=here.http, trust_env=False, timeout=60) as window:
            thread = threading.Thread(target=lambda: answers.append(window.get("/x").status_code))
            thread.start()
            thread.join(60)
        assert answers == [200]
    finally:
        for wire in lazy:
            wire.close()


def test_door_and_server_mean_the_same_cookie() -> None:
    assert limits.SESSION_COOKIE == cookies.TOKEN
