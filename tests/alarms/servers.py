"""Servers that alarms are sent to, on the loopback: a webhook, a mail server with TLS, a syslog server."""

from __future__ import annotations

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def running(server: Any) -> Iterator[int]:
    """The server in a thread, for the block; its port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Heard:
    """What arrived, and what the server answers to the next."""

    bodies: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    answer: dict[str, Any] = field(default_factory=lambda: {"errcode": 0, "errmsg": "ok"})
    begun_tls: int = 0


def webhook(heard: Heard) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.bodies.append(json.loads(body))
            heard.paths.append(self.path)
            heard.headers.append(dict(self.headers.items()))
            said = json.dumps(heard.answer).encode()
            self.send_response(heard.status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def mail(heard: Heard, tls: ssl.SSLContext, *, at_once: bool = False) -> socketserver.ThreadingTCPServer:
    """A mail server that wants TLS (STARTTLS, or `at_once`) and the log-in robot / geheim before it takes a letter."""

    class Handler(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            self.safe, self.known = at_once, False
            if at_once:
                self.wrap()
            super().setup()

        def wrap(self) -> None:
            # Not at once a handshake: one that fails is then an end of the connection like any other.
            self.request = tls.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def say(self, *lines: str) -> None:
            self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

        def handle(self) -> None:
            with suppress(ssl.SSLError, ConnectionError, ValueError):
                self.talk()

        def talk(self) -> None:
            self.say("220 loopback")
            while line := self.rfile.readline().decode().strip():
                word = line.split()[0].upper()
                if word == "QUIT":
                    self.say("221 bye")
                    return
                self.take(word, line)

        def take(self, word: str, line: str) -> None:
            if word == "EHLO":
                self.say("250-loopback", "250-AUTH PLAIN", "250 STARTTLS" if not self.safe else "250 8BITMIME")
            elif word == "STARTTLS":
                self.say("220 go")
                for old in (self.rfile, self.wfile):
                    old.close()
                self.wrap()
                self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
                self.safe, heard.begun_tls = True, heard.begun_tls + 1
            elif word == "AUTH":
                self.known = self.safe and base64.b64decode(line.split()[2]) == b"\0robot\0geheim"
                self.say("235 ok" if self.known else "535 no")
            elif word == "DATA" and self.known:
                self.say("354 go")
                lines = []
                while (got := self.rfile.readline()) != b".\r\n":
                    lines.append(got)
                heard.bodies.append(b"".join(lines).decode())
                self.say("250 taken")
            else:
                self.say("250 ok" if self.known else "530 log in first")

    return socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)


def syslog_tcp(heard: Heard) -> socketserver.ThreadingTCPServer:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while length := self._length():
                heard.bodies.append(self.rfile.read(length))

        def _length(self) -> int:
            digits = b""
            while (one := self.rfile.read(1)).isdigit():
                digits += one
            return int(digits or 0)

    return socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)


def syslog_udp(heard: Heard) -> socketserver.UDPServer:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            heard.bodies.append(self.request[0])

    return socketserver.UDPServer(("127.0.0.1", 0), Handler)
