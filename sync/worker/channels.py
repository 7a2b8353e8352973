"""Where alarms are sent: robots of 企业微信 and 钉钉, a webhook of one's own, mail, syslog.

A channel sends one message or raises ChannelTrouble with what went wrong; addresses that hold a key are never in it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import smtplib
import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, Final, Protocol
from urllib.parse import quote_plus, urlsplit

import httpx

from fallback_server.domain.alerting import CRITICAL, INFO, PRODUCT, WARNING, Message

PATIENCE_SECONDS: Final = 10.0
WECOM_BYTES, DINGTALK_BYTES = 2048, 20_000  # what the robots take of a text
_SYSLOG_SEVERITY: Final = {CRITICAL: 2, WARNING: 4, INFO: 6}
_SYSLOG_FACILITY: Final = 16  # local0
_ENTERPRISE: Final = "yj@32473"  # the number that RFC 5612 reserves for those without one


class ChannelTrouble(Exception):
    """A message could not be delivered; the text says why, without any key.

    ValueError and OverflowError become one too: another letter where only ASCII may be, a port that is none.
    """


class Channel(Protocol):
    """One way out. `target` is where to, as people may see it."""

    @property
    def name(self) -> str: ...
    @property
    def target(self) -> str: ...
    def send(self, message: Message) -> None:
        """Deliver or raise ChannelTrouble."""


def host_of(url: str) -> str:
    """What may be shown of an address: its path and query may be a key."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "?"


@dataclass(frozen=True)
class Webhook:
    """A POST of JSON; `shape` makes its body, `sign` what is added to the address, `accepted` looks at the answer."""

    name: str
    url: str = field(repr=False)
    shape: Callable[[Message], dict[str, Any]]
    sign: Callable[[Message], str] = lambda message: ""
    accepted: Callable[[dict[str, Any]], bool] = lambda answer: True
    token: str = field(default="", repr=False)
    trust: ssl.SSLContext | None = None

    @property
    def target(self) -> str:
        return host_of(self.url)

    def send(self, message: Message) -> None:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            answer = httpx.post(
                self.url + self.sign(message), json=self.shape(message), headers=headers, timeout=PATIENCE_SECONDS,
                verify=self.trust or True,
            )  # fmt: skip
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, OverflowError) as error:
            raise ChannelTrouble(type(error).__name__) from None
        if not answer.is_success:
            raise ChannelTrouble(f"HTTP {answer.status_code}")
        self._look_at(answer)

    def _look_at(self, answer: httpx.Response) -> None:
        # The robots answer 200 to everything and say in the body whether they took it.
        try:
            said = answer.json()
        except ValueError:
            said = {}
        said = said if isinstance(said, dict) else {}
        if not self.accepted(said):
            raise ChannelTrouble(f"refused, errcode {said.get('errcode', '–')}")


def wecom(url: str, trust: ssl.SSLContext | None = None) -> Webhook:
    """A group robot of 企业微信."""
    return Webhook("wecom", url, lambda message: _robot_text(message, WECOM_BYTES), accepted=_took, trust=trust)


def dingtalk(url: str, secret: str = "", trust: ssl.SSLContext | None = None) -> Webhook:
    """A group robot of 钉钉; with its secret every message is signed (加签)."""

    def sign(message: Message) -> str:
        return dingtalk_signature(secret, int(message.at.timestamp() * 1000)) if secret else ""

    return Webhook("dingtalk", url, lambda message: _robot_text(message, DINGTALK_BYTES), sign, _took, trust=trust)


def dingtalk_signature(secret: str, milliseconds: int) -> str:
    """`&timestamp=…&sign=…`: HMAC-SHA256 of "timestamp\\nsecret" under the secret, base64, quoted."""
    text = f"{milliseconds}\n{secret}".encode()
    digest = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest())
    return f"&timestamp={milliseconds}&sign={quote_plus(digest)}"


def generic(url: str, token: str = "", trust: ssl.SSLContext | None = None) -> Webhook:
    """Anything that takes JSON: title, text and severity for people, `alarms` for programs."""
    return Webhook("webhook", url, _document, token=token, trust=trust)


def _took(answer: dict[str, Any]) -> bool:
    return answer.get("errcode") == 0


def _robot_text(message: Message, limit: int) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": message.within(limit)}}


def _document(message: Message) -> dict[str, Any]:
    return {
        "product": PRODUCT, "hospital": message.hospital, "host": message.host, "severity": message.severity,
        "at": message.at.isoformat(timespec="seconds"), "title": message.title, "text": message.text,
        "alarms": [dict(one) for one in message.alarms],
    }  # fmt: skip


@dataclass(frozen=True)
class Mail:
    """SMTP: `security` starttls (the default port 587), tls (465) or none (only inside the hospital)."""

    host: str
    port: int
    security: str
    sender: str
    receivers: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    trust: ssl.SSLContext | None = None
    name: str = "mail"

    @property
    def target(self) -> str:
        return f"{self.host}:{self.port} → {', '.join(self.receivers)}"

    def send(self, message: Message) -> None:
        try:
            with self._connected() as server:
                if self.security == "starttls":
                    server.starttls(context=self._context())
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(self._letter(message))
        except smtplib.SMTPResponseException as error:
            raise ChannelTrouble(f"{type(error).__name__} {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError, ValueError, OverflowError) as error:
            raise ChannelTrouble(type(error).__name__) from None

    def _context(self) -> ssl.SSLContext:
        return self.trust or ssl.create_default_context()

    def _connected(self) -> smtplib.SMTP:
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=PATIENCE_SECONDS, context=self._context())
        return smtplib.SMTP(self.host, self.port, timeout=PATIENCE_SECONDS)

    def _letter(self, message: Message) -> EmailMessage:
        letter = EmailMessage()
        letter["Subject"], letter["From"], letter["To"] = message.title, self.sender, ", ".join(self.receivers)
        letter["Date"], letter["Message-ID"] = format_datetime(message.at), make_msgid(domain="his-yj")
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.text, cte="base64")  # no server need understand 8 bits
        return letter


@dataclass(frozen=True)
class Syslog:
    """RFC 5424 over UDP, over TCP with the length in front (RFC 6587), or to the socket of this machine."""

    address: str
    name: str = "syslog"

    @property
    def target(self) -> str:
        return self.address

    def send(self, message: Message) -> None:
        records = [self.record(message, one) for one in message.alarms] or [self.record(message, None)]
        try:
            parts = urlsplit(self.address)
            if parts.scheme == "unix":
                _to_socket(parts.path, records)
            elif parts.scheme == "tcp":
                with socket.create_connection((parts.hostname, parts.port or 601), PATIENCE_SECONDS) as stream:
                    stream.sendall(b"".join(b"%d %s" % (len(one), one) for one in records))
            else:
                _by_datagram(parts.hostname or "", parts.port or 514, records)
        except (OSError, ValueError, OverflowError) as error:
            raise ChannelTrouble(type(error).__name__) from None

    def record(self, message: Message, alarm: Any) -> bytes:
        """One line of the log about one alarm (None: a test)."""
        priority = _SYSLOG_FACILITY * 8 + _SYSLOG_SEVERITY[alarm["severity"] if alarm else message.severity]
        data = "-"
        if alarm:
            values = {name: alarm[name] for name in ("key", "kind", "severity", "state")}
            data = (
                " ".join([f"[{_ENTERPRISE}", *(f'{name}="{_quoted(str(said))}"' for name, said in values.items())])
                + "]"
            )
        words = f"{alarm['zh']} {alarm['en']}" if alarm else message.title
        at, host = message.at.isoformat(timespec="milliseconds"), message.host or "-"
        head = f"<{priority}>1 {at} {host} {PRODUCT} {os.getpid()} {'alarm' if alarm else 'test'} {data} "
        return head.encode() + b"\xef\xbb\xbf" + words.encode()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _by_datagram(host: str, port: int, records: list[bytes]) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as out:
        out.settimeout(PATIENCE_SECONDS)
        for one in records:
            out.sendto(one, address)


def _to_socket(path: str, records: list[bytes]) -> None:
    if sys.platform == "win32":
        raise ChannelTrouble("no such sockets on Windows")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.settimeout(PATIENCE_SECONDS)
        out.connect(path)
        for one in records:
            out.send(one)
