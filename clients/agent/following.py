"""Following the mode: the standby's stream, and a question every 10 to 15 s where something cuts it or holds it back.

Nothing is trusted but the standby's own authority, and nothing here ends the agent: it asks for ever.
"""

from __future__ import annotations

import json
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from clients.transport import API, pinned

SILENCE: Final = 40.0  # the door says something every 15 s: longer silence is a stream that somebody holds back
SPEAKS: Final = 17.0  # after this much of it one asks meanwhile
SOON: Final = (1.0, 3.0)
LATER: Final = (10.0, 15.0)
Told = Callable[[dict[str, Any]], None]
log = logging.getLogger("yj.agent")


class Follower:
    """Calls `told` with what `GET /mode` says, at once and at every word of the stream.

    `rung` is called when the standby says that something waits to be printed at this workstation. `listening`: whether
    the stream is there.
    """

    def __init__(
        self, server: str, ca: Path | None, told: Told, stop: threading.Event,
        *, workstation: str = "", later: Callable[[], float] = lambda: random.uniform(*LATER),  # noqa: S311 - jitter
    ) -> None:  # fmt: skip
        self._told = told
        self._later = later
        self._turn = threading.Lock()
        self._heard_at = 0.0
        self._epoch: int | None = None
        self._doubt = threading.Event()
        self.rung: Callable[[], None] = lambda: None
        self._stop = stop
        self._workstation = workstation
        self.listening = False
        self._said = ""
        self._http = httpx.Client(
            base_url=server + API, verify=pinned(ca), trust_env=False,
            timeout=httpx.Timeout(10.0, read=SILENCE), headers={"User-Agent": "his-yj-agent"},
        )  # fmt: skip

    def run(self) -> None:
        """Until `stop`: listen, and ask where there is nothing to listen to."""
        asking = threading.Thread(target=self._keep_asking, name="ask", daemon=True)
        asking.start()
        while not self._stop.is_set():
            heard = self._listen()
            if self._stop.is_set():
                break
            asked = self._ask() if not heard else True
            soon = heard or not asked
            self._stop.wait(random.uniform(*SOON) if soon else self._later())  # noqa: S311 - jitter
        self._doubt.set()
        asking.join(15)
        self._http.close()

    def answered(self, answer: Any) -> None:
        """Hear what a heartbeat was answered: an epoch that the stream has not told is asked about at once."""
        if answer.get("epoch") not in (None, self._epoch):
            self._doubt.set()

    def _keep_asking(self) -> None:
        """Whatever the stream does: one that is held back looks like one on which nothing happens."""
        while not self._stop.is_set():
            doubt = self._doubt.wait(self._later())
            self._doubt.clear()
            if not self._stop.is_set() and (doubt or time.monotonic() - self._heard_at > SPEAKS):
                self._ask()

    def _listen(self) -> bool:
        """Hold the stream as long as it lives; whether it said anything."""
        heard = False
        whose = {"workstation": self._workstation} if self._workstation else {}
        try:
            with self._http.stream(
                "GET", "/mode/events", params=whose, headers={"Accept": "text/event-stream"}
            ) as answer:
                if answer.status_code != httpx.codes.OK:
                    return False
                for event, data in events(answer.iter_lines()):
                    heard = self.listening = True
                    self._heard_at = time.monotonic()
                    if event == "message":
                        self._tell(json.loads(data))
                    elif event == "print":
                        self.rung()
                    if self._stop.is_set():
                        return heard
        except (httpx.HTTPError, ValueError) as error:
            self._say(trouble(error))
        finally:
            self.listening = False
        return heard

    def _ask(self) -> bool:
        begun = time.monotonic()
        try:
            answer = self._http.get("/mode", timeout=10.0)
            if answer.status_code == httpx.codes.OK:
                self._tell(answer.json(), begun)
            return True
        except (httpx.HTTPError, ValueError) as error:
            self._say(trouble(error))
            return False

    def _tell(self, mode: Any, asked_at: float | None = None) -> None:
        """One word after the other; an answer that the stream has overtaken meanwhile says nothing any more."""
        if not isinstance(mode, dict) or not isinstance(mode.get("epoch"), int) or "mode" not in mode:
            raise ValueError("this is no mode of a standby")
        with self._turn:
            if asked_at is not None and asked_at < self._heard_at:
                return
            self._said = ""
            self._epoch = mode["epoch"]
            self._told(mode)

    def _say(self, what: str) -> None:
        if what != self._said:  # once, not every few seconds of a long night
            log.warning(what)
            self._said = what


def events(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """(event, data) of a server-sent stream; comments and what has no data are left out."""
    event = "message"
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield event, "\n".join(data)
            event, data = "message", []
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event = value
        elif name == "data":
            data.append(value)


def trouble(error: Exception) -> str:
    """What is the matter, in words for who reads the log."""
    if _is_out_of_time(error):
        return (
            "应急服务器的证书已过期，或本机时钟不对，未连接；请信息科更换证书（yj certificate renew）并校对时钟。"
            " The standby's certificate is over, or this PC's clock is wrong; nothing was sent. On the standby:"
            f" yj certificate renew, or a new [server] certificate. ({error})"
        )
    if is_other_certificate(error):
        return (
            "这不是本院的应急服务器：证书不是本机固定的那一个，拒绝连接。"
            f" This is not the pinned standby: its certificate is of another authority; nothing was sent. ({error})"
        )
    return f"应急服务器没有回答。 The standby does not answer. ({type(error).__name__}: {error})"


def _is_out_of_time(error: BaseException | None) -> bool:
    while error is not None:
        if any(words in str(error) for words in ("certificate has expired", "certificate is not yet valid")):
            return True
        error = error.__cause__ or error.__context__
    return False


def is_other_certificate(error: BaseException | None) -> bool:
    """Whether a connection failed because the certificate is not of the pinned authority, or of another name."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
