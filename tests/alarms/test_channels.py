"""Every channel delivers to a real server and says in words why not, without the key that its address holds."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_string
from email.policy import default
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from fallback_server.domain.alerting import Alert, Message, Saying, compose, trial_message
from fallback_server.domain.clock import SystemClock
from fallback_server.door import certificates
from sync.worker import channels
from sync.worker.channels import ChannelTrouble
from tests.alarms.servers import Heard, mail, running, syslog_tcp, syslog_udp, webhook

NOW = datetime(2026, 11, 23, 3, 12, tzinfo=UTC)
LOST = Alert(7, "centre", "lost", "critical", "中心连不上。", 'The centre is "away" ].', NOW)


def told(*alerts: Alert, language: str = "zh") -> Message:
    return compose([Saying(one, "on") for one in alerts or (LOST,)], language, "仁和医院", "standby-1", NOW)


def eventually(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_robot_of_wecom_takes_a_text(heard: Heard) -> None:
    with running(webhook(heard)) as port:
        channels.wecom(f"http://127.0.0.1:{port}/send?key=geheim").send(told())
    assert heard.bodies[0]["msgtype"] == "text" and "中心连不上" in heard.bodies[0]["text"]["content"]
    assert heard.paths == ["/send?key=geheim"]


def test_a_text_longer_than_the_robot_takes_says_how_many_more_there_are_and_where(heard: Heard) -> None:
    many = [Alert(n, f"x.{n}", "k", "warning", "告警" * 20, "x", NOW) for n in range(60)]
    long = Alert(61, "x.61", "k", "warning", "长" * 900, "x", NOW)
    with running(webhook(heard)) as port:
        for message in (told(*many), told(*many, language="en"), told(long)):
            channels.wecom(f"http://127.0.0.1:{port}/send").send(message)
    digest, english, alone = (body["text"]["content"] for body in heard.bodies)
    assert all(len(one.encode()) <= channels.WECOM_BYTES for one in (digest, english, alone))
    lines = digest.splitlines()
    assert lines[0] == "[HIS-YJ] 60 条告警" and lines[-1] == "仁和医院 · standby-1"
    assert f"另有 {60 - (len(lines) - 3)} 条" in lines[-2] and "yj alarm list" in lines[-2]
    assert "more: see the console" in english.splitlines()[-2]
    assert alone.startswith("[HIS-YJ] 告警·警告 长长") and alone.endswith("…")


def test_a_message_to_dingtalk_is_signed(heard: Heard) -> None:
    with running(webhook(heard)) as port:
        channels.dingtalk(f"http://127.0.0.1:{port}/robot/send?access_token=t", "SECgeheim").send(told())
    asked = parse_qs(urlsplit(heard.paths[0]).query)
    stamp = asked["timestamp"][0]
    assert stamp == str(int(NOW.timestamp() * 1000)) and asked["access_token"] == ["t"]
    wanted = hmac.new(b"SECgeheim", f"{stamp}\nSECgeheim".encode(), hashlib.sha256).digest()
    assert base64.b64decode(asked["sign"][0]) == wanted


def test_a_webhook_of_ones_own_gets_the_alarms_and_a_token(heard: Heard) -> None:
    with running(webhook(heard)) as port:
        channels.generic(f"http://127.0.0.1:{port}/in", "geheim").send(told())
    body = heard.bodies[0]
    assert (body["severity"], body["hospital"]) == ("critical", "仁和医院")
    assert (body["alarms"][0]["key"], body["alarms"][0]["state"]) == ("centre", "on")
    assert heard.headers[0]["Authorization"] == "Bearer geheim"


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [(200, {"errcode": 310000, "errmsg": "sign not match"}, "errcode 310000"), (502, {}, "HTTP 502"), (200, {}, "–")],
)
def test_a_robot_that_refuses_is_trouble_without_the_key(heard: Heard, status: int, answer: dict, why: str) -> None:
    heard.status, heard.answer = status, answer
    with running(webhook(heard)) as port, pytest.raises(ChannelTrouble, match=why) as caught:
        channels.dingtalk(f"http://127.0.0.1:{port}/send?access_token=geheim").send(told())
    assert "geheim" not in str(caught.value)


def test_a_robot_that_is_away_is_trouble() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ChannelTrouble, match="ConnectError"):
            channels.wecom(f"http://127.0.0.1:{taken.getsockname()[1]}/send?key=geheim").send(told())
    assert channels.wecom("https://qyapi.example/cgi-bin/webhook/send?key=geheim").target == "https://qyapi.example"


@pytest.mark.parametrize(
    "way",
    [
        channels.wecom("http://127.0.0.1:no/send?key=geheim"),
        channels.generic("http://127.0.0.1:9/in", "令牌"),
        channels.generic("http://[127.0.0.1/in"),
        channels.Syslog("udp://127.0.0.1:99999"),
        channels.Syslog("tcp://127.0.0.1:99999"),
    ],
    ids=["a port that is none", "a token of other letters", "half an address", "udp", "tcp"],
)
def test_what_no_net_would_take_is_trouble_of_this_channel_alone(way: channels.Channel) -> None:
    assert way.target and "geheim" not in way.target
    with pytest.raises(ChannelTrouble) as caught:
        way.send(told())
    assert "geheim" not in str(caught.value)


def test_a_title_is_one_line_or_no_letter_could_have_it() -> None:
    two = told(Alert(9, "x", "k", "warning", "第一行\n第二行", "x", NOW))
    letter = channels.Mail("127.0.0.1", 25, "none", "yj@h.cn", ("it@h.cn",))._letter(two)
    assert str(letter["Subject"]) == two.title and two.title.endswith("第一行 第二行")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_letter_goes_by_tls_with_a_log_in(heard: Heard, authority: Path, security: str) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority / certificates.CERTIFICATE, authority / certificates.KEY)
    trust = ssl.create_default_context(cafile=str(authority / certificates.CA_CERTIFICATE))
    with running(mail(heard, server, at_once=security == "tls")) as port:
        way = channels.Mail("127.0.0.1", port, security, "yj@h.cn", ("it@h.cn", "duty@h.cn"), "robot", "geheim", trust)
        way.send(told())
        with pytest.raises(ChannelTrouble, match="SMTPAuthenticationError 535"):
            channels.Mail("127.0.0.1", port, security, "yj@h.cn", ("it@h.cn",), "robot", "wrong", trust).send(told())
        with pytest.raises(ChannelTrouble, match="UnicodeEncodeError"):
            channels.Mail("127.0.0.1", port, security, "yj@h.cn", ("it@h.cn",), "robot", "密码", trust).send(told())
        with pytest.raises(ChannelTrouble, match="SSLCertVerificationError"):
            channels.Mail("127.0.0.1", port, security, "yj@h.cn", ("it@h.cn",), "robot", "geheim").send(told())
    letter = message_from_string(heard.bodies[0], policy=default)
    assert "中心连不上" in letter["Subject"] and letter["To"] == "it@h.cn, duty@h.cn"
    assert "仁和医院 · standby-1" in letter.get_content()
    assert len(heard.bodies) == 1


def test_syslog_speaks_rfc_5424_by_every_way(heard: Heard, tmp_path: Path) -> None:
    with running(syslog_udp(heard)) as port:
        channels.Syslog(f"udp://127.0.0.1:{port}").send(told())
        eventually(lambda: len(heard.bodies) == 1)
    with running(syslog_tcp(heard)) as port:
        channels.Syslog(f"tcp://127.0.0.1:{port}").send(told(LOST, LOST))
        eventually(lambda: len(heard.bodies) == 3)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
        local.bind(str(tmp_path / "log"))
        local.settimeout(20)
        channels.Syslog(f"unix://{tmp_path / 'log'}").send(trial_message("zh", "仁和医院", "standby-1", NOW))
        plain = local.recv(4096)
    record = re.compile(
        r'<130>1 2026-11-23T03:12:00\.000\+00:00 standby-1 HIS-YJ \d+ alarm \[yj@32473 key="centre" kind="lost"'
        r' severity="critical" state="on"\] \ufeff中心连不上。 The centre is "away" \]\.'
    )
    assert all(record.fullmatch(one.decode()) for one in heard.bodies)
    assert re.match(r"<134>1 \S+ standby-1 HIS-YJ \d+ test - \ufeff\[HIS-YJ\] 测试消息", plain.decode())
    with pytest.raises(ChannelTrouble):
        channels.Syslog(f"unix://{tmp_path / 'nobody'}").send(told())


def test_a_server_that_hangs_does_not_hang_the_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "PATIENCE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ChannelTrouble, match="ReadTimeout"):
            channels.wecom(f"http://127.0.0.1:{port}/").send(told())


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    certificates.ensure(folder, ["127.0.0.1"], SystemClock().now(), "仁和医院")
    return folder
