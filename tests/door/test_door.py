"""The front door: windows reach the standby by it, with what it shows them trusted and nothing else."""

from __future__ import annotations

import json
import os
import socket
import ssl
import stat
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients.pages import PAGES_DIR
from clients.sdk import NoAnswer, YjClient
from fallback_server.domain.clock import SystemClock
from fallback_server.domain.shelf import fingerprint
from fallback_server.door import certificates, events, front, gate, passing
from tests.fixtures_door import DoorThread, Inner, Opened, until


def get(where: str, ca: Path | None = None, **options: Any) -> httpx.Response:
    verify = ssl.create_default_context(cafile=str(ca)) if ca else True
    with httpx.Client(verify=verify, trust_env=False, timeout=30) as client:
        return client.request(options.pop("method", "GET"), where, **options)


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_one_port_speaks_tls_to_windows_and_plain_http_to_this_machine(door: Opened) -> None:
    here = door()
    safe, plain = get(here.https + "/x", here.ca), get(here.http + "/x")
    assert (safe.status_code, safe.json()["wsgi.url_scheme"]) == (200, "https")
    assert (plain.status_code, plain.json()["wsgi.url_scheme"]) == (200, "http")
    assert "Strict-Transport-Security" in safe.headers and "Strict-Transport-Security" not in plain.headers
    assert safe.headers["X-Content-Type-Options"] == "nosniff" and safe.headers["Server"] == "his-yj"


def test_who_comes_from_elsewhere_without_tls_is_sent_on_or_refused(door: Opened) -> None:
    here = door(near=lambda _caller: False)
    page = get(here.http + "/billing?a=1", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["Location"]) == (307, here.https + "/billing?a=1")
    assert "https://" in page.text
    refused = get(here.http + "/api/v1/session", method="POST", json={"password": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "tls_required")
    assert get(here.https + "/x", here.ca).status_code == 200


def test_a_loop_without_readiness_tells_tls_from_http_too(door: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async def as_on_windows(loop: object, taken: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(gate, "_readable", as_on_windows)
    here = door()
    with socket.create_connection(("127.0.0.1", here.front.port), timeout=30) as slow:
        time.sleep(gate.PEEK_AGAIN * 3)  # nothing to read yet: it has looked again by now
        slow.sendall(b"GET /x HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert slow.recv(12) == b"HTTP/1.1 200"
    assert get(here.https + "/x", here.ca).status_code == 200


def test_a_standby_with_another_certificate_is_refused(door: Opened, tmp_path: Path) -> None:
    here = door()
    other = tmp_path / "other"
    certificates.ensure(other, ["127.0.0.1"], SystemClock().now(), "别的医院")
    with YjClient(here.https, "W1", patience=0, ca=here.ca) as right:
        assert right.mode()["epoch"] == 1
    with YjClient(here.https, "W1", patience=0, ca=other / "ca.crt") as wrong, pytest.raises(NoAnswer):
        wrong.mode()
    with YjClient(here.https, "W1", patience=0) as careless, pytest.raises(NoAnswer):
        careless.mode()


def test_a_renewed_certificate_is_shown_without_a_restart(door: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "LOOK_AT_FILES", 0.05)
    here = door()
    before = ssl.get_server_certificate(("127.0.0.1", here.front.port))
    with httpx.Client(verify=ssl.create_default_context(cafile=str(here.ca)), trust_env=False, timeout=30) as window:
        window.get(here.https + "/x").raise_for_status()
        certificates.renew(here.folder, ["127.0.0.1", "standby.hospital"], SystemClock().now())
        until(lambda: ssl.get_server_certificate(("127.0.0.1", here.front.port)) != before)
        window.get(here.https + "/x").raise_for_status()
    assert get(here.https + "/x", here.ca).status_code == 200  # the authority is the same


def test_certificates_look_after_themselves(tmp_path: Path) -> None:
    now = SystemClock().now()
    assert certificates.ensure(tmp_path, ["10.1.2.3"], now, "人民医院") is not None
    assert certificates.ensure(tmp_path, ["10.1.2.3"], now, "人民医院") is None
    authority = (tmp_path / "ca.crt").read_bytes()
    assert "10.9.9.9" in str(certificates.ensure(tmp_path, ["10.1.2.3", "10.9.9.9"], now, "人民医院"))
    later = now + timedelta(days=certificates.SERVER_DAYS - 10)
    assert "it ends" in str(certificates.ensure(tmp_path, ["10.9.9.9"], later, "人民医院"))
    assert certificates.look(tmp_path).expires_at > later + timedelta(days=300)
    assert (tmp_path / "ca.crt").read_bytes() == authority
    if os.name == "posix":
        assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ca.key", "server.key")} == {0o600}
    (tmp_path / "ca.key").unlink()
    with pytest.raises(
        certificates.CertificateTrouble, match=r"ca\.key"
    ):  # windows trust it: never made anew in silence
        certificates.ensure(tmp_path, ["10.8.8.8"], now, "人民医院")


# --- passing on -------------------------------------------------------------------------------------------------------


def test_what_is_passed_on_arrives_as_it_was_sent(door: Opened) -> None:
    here = door()
    sent = get(
        here.http + "/a%2Fb/%E5%BC%A0?q=%20x&q=2",
        method="POST",
        content=bytes(range(256)),
        headers={"Connection": "X-Hop", "X-Hop": "1"},
    )
    told = sent.json()
    assert (sent.status_code, told["method"], told["query"]) == (201, "POST", "q=%20x&q=2")
    assert told["body"].encode("latin-1") == bytes(range(256)) and "HTTP_X_HOP" not in told
    assert sent.headers.get_list("Set-Cookie") == ["a=1", "b=2"]
    big = get(here.https + "/big", here.ca)
    assert big.content == b"".join(bytes([n % 256]) * 65_536 for n in range(64))
    assert get(here.http + "/x", method="HEAD").content == b""


def test_the_server_learns_the_windows_address_from_the_door_alone(door: Opened, inner: Inner) -> None:
    lie = {
        "X-Forwarded-For": "10.0.0.9",
        "X-Forwarded-Proto": "https",
        "YJ-Door": "guessed",
        "Forwarded": "for=1.1.1.1",
    }
    by_door = get(door().http + "/x", headers=lie).json()
    assert (by_door["REMOTE_ADDR"], by_door["wsgi.url_scheme"], by_door["by"]) == ("127.0.0.1", "http", "True")
    beside = get(inner.url + "/x", headers=lie).json()
    assert (beside["REMOTE_ADDR"], beside["by"]) == ("127.0.0.1", "None")
    assert not {name for name in beside if name.startswith(("HTTP_X_FORWARDED", "HTTP_YJ_DOOR", "HTTP_FORWARDED"))}
    behind_nginx = get(door(proxies=frozenset({"127.0.0.1"})).http + "/x", headers=lie).json()
    assert (behind_nginx["REMOTE_ADDR"], behind_nginx["wsgi.url_scheme"]) == ("10.0.0.9", "https")


def test_a_server_that_is_away_is_said_in_words_and_comes_back(door: Opened, inner: Inner) -> None:
    here = door()
    inner.stop()
    program = get(here.http + "/api/v1/drugs", headers={"Accept-Language": "en"})
    assert (program.status_code, program.json()["code"]) == (503, "standby_restarting")
    assert "starting" in program.json()["detail"] and program.headers["Retry-After"]
    person = get(here.http + "/billing?p=<1>", headers={"Accept": "text/html"})
    assert person.status_code == 503 and "应急服务器" in person.text
    assert 'http-equiv="refresh"' in person.text and "<1>" not in person.text
    assert "default-src 'none'" in person.headers["Content-Security-Policy"]
    inner.start()
    assert get(here.http + "/x").status_code == 200


def test_an_answer_that_breaks_off_never_looks_whole(door: Opened) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        get(door().http + "/breaks")


def test_too_large_too_slow_and_ambiguous_requests_end_at_the_door(
    door: Opened, inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(gate, "FIRST_REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(gate, "FIRST_BYTE_SECONDS", 0.3)
    monkeypatch.setattr(gate, "SWEEP_EVERY", 0.05)
    here = door(max_body_bytes=5000)
    large = get(here.http + "/api/v1/charges", method="POST", content=b"x" * 6000)
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    said = {
        "slow body": b"POST /api/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc",
        "slow head": b"GET /api/v1/x HTTP/1.1\r\nHost: a\r\nX-",
        "silence": b"",
        "both lengths": b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        "long head": b"GET /x HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
    }
    answers = {name: _raw(here.front.port, request) for name, request in said.items()}
    assert b" 408 " in answers["slow body"]
    assert (answers["slow head"], answers["silence"]) == (b"", b"")
    assert b" 400 " in answers["both lengths"] and b" 400 " in answers["long head"]
    assert get(here.http + "/x").status_code == 200


def _raw(port: int, request: bytes) -> bytes:
    """What comes back until the door closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        wire.sendall(request)
        found = b""
        try:
            while piece := wire.recv(65_536):
                found += piece
                if b" 408 " in found or b" 400 " in found:
                    break
        except ConnectionResetError:
            pass
        return found


# --- files ------------------------------------------------------------------------------------------------------------


def test_files_beside_the_pages_are_kept_for_ever_under_their_version(door: Opened, inner: Inner) -> None:
    here = door(pages=PAGES_DIR)
    where = f"{here.http}/static/{fingerprint(PAGES_DIR / 'static')}/js/kernel/frame.js"
    found = get(where, headers={"Accept-Encoding": "gzip"})
    assert found.text == (PAGES_DIR / "static/js/kernel/frame.js").read_text(encoding="utf-8")
    assert "immutable" in found.headers["Cache-Control"] and found.headers["Content-Encoding"] == "gzip"
    assert found.headers["Content-Type"].startswith("text/javascript")
    plain = get(where, headers={"Accept-Encoding": "identity"})
    assert plain.text == found.text and "Content-Encoding" not in plain.headers
    older = get(f"{here.http}/static/000000000000/js/kernel/frame.js").json()  # the server knows what to do
    assert older["path"].startswith("/static/000000000000")
    inner.stop()
    assert get(where).status_code == 200
    assert get(f"{here.http}/static/{fingerprint(PAGES_DIR / 'static')}/../../../yj.toml").status_code == 503


# --- the stream -------------------------------------------------------------------------------------------------------


class Reader:
    """A window that listens."""

    def __init__(self, here: DoorThread) -> None:
        self.frames: list[tuple[float, str]] = []
        self.closed = threading.Event()
        self._trust = ssl.create_default_context(cafile=str(here.ca))
        self._address = here.https + "/api/v1/mode/events"
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            with (
                httpx.Client(verify=self._trust, trust_env=False, timeout=60) as client,
                client.stream("GET", self._address, headers={"Last-Event-ID": "7-3"}) as answer,
            ):
                self.status, self.type = answer.status_code, answer.headers["Content-Type"]
                text = ""
                for piece in answer.iter_text():
                    text += piece
                    *whole, text = text.split("\n\n")
                    self.frames += [(time.monotonic(), frame) for frame in whole]
        except httpx.HTTPError:
            pass
        self.closed.set()

    def modes(self) -> list[dict[str, Any]]:
        return [json.loads(f.split("data: ")[1]) for _, f in list(self.frames) if "data: " in f and "event:" not in f]

    def has(self, word: str) -> bool:
        return any(word in frame for _, frame in list(self.frames))


def test_everybody_who_listens_is_told_the_mode_at_once_and_at_every_change(door: Opened, inner: Inner) -> None:
    here = door()
    windows = [Reader(here) for _ in range(10)]
    for window in windows:
        until(window.modes)
        assert window.modes()[0] == {
            **inner.mode,
            "mirror": {**inner.mode["mirror"], "age_seconds": window.modes()[0]["mirror"]["age_seconds"]},
        }
        assert window.type.startswith("text/event-stream") and window.frames[0][1].startswith("retry: ")
    told = [len(window.modes()) for window in windows]
    asked = inner.asked
    until(lambda: inner.asked > asked + 4)
    assert [len(window.modes()) for window in windows] == told, "the age alone is no news"
    inner.mode = {**inner.mode, "mode": "emergency", "epoch": 2}
    for window in windows:
        until(lambda window=window: window.modes()[-1]["epoch"] == 2)  # type: ignore[misc]
    here.close()
    assert all(window.closed.wait(30) for window in windows), "a door that closes ends its streams"


def test_a_program_follows_the_mode_and_learns_when_the_door_goes(door: Opened, inner: Inner) -> None:
    here = door()
    with YjClient(here.https, "W1", patience=0, ca=here.ca) as agent:
        told = agent.mode_events()
        assert (next(told) or {})["epoch"] == 1
        inner.stop()
        assert next(told) is None
        inner.mode = {**inner.mode, "epoch": 2}
        inner.start()
        assert next(one for one in told if one)["epoch"] == 2
        here.close()
        with pytest.raises(NoAnswer):
            next(told)


def test_a_stream_stays_open_while_the_server_is_away(door: Opened, inner: Inner) -> None:
    window = Reader(door())
    until(window.modes)
    inner.stop()
    until(lambda: window.has("event: away"))
    inner.mode = {**inner.mode, "epoch": 3}
    inner.start()
    until(lambda: window.modes()[-1]["epoch"] == 3)
    assert not window.closed.is_set()


def test_a_reader_who_does_not_read_is_dropped_and_holds_nobody_up(
    door: Opened, inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SLOW_READER", 0.3)
    monkeypatch.setattr(events, "ASK_EVERY", 0.02)
    here = door()
    good = Reader(here)
    until(good.modes)
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", here.front.port))
        lazy.sendall(b"GET /api/v1/mode/events HTTP/1.1\r\nHost: a\r\n\r\n")
        assert here.door is not None
        hub = here.door.hub
        until(lambda: hub.readers == 2)
        notice = "x" * 200_000

        def told_more() -> bool:
            inner.mode = {**inner.mode, "epoch": inner.mode["epoch"] + 1, "notice": notice}
            return hub.readers == 1

        until(told_more)
    last = inner.mode["epoch"]
    until(lambda: good.modes()[-1]["epoch"] >= last)
