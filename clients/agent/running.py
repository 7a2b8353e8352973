"""The agent as a whole: `run` until it is told to stop, `enrol` once."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import threading
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

from clients.agent import actions, settings, trusting
from clients.agent.following import Follower, is_other_certificate, trouble
from clients.agent.heart import Heart
from clients.agent.launch import LAUNCHED
from clients.agent.place import AgentMisuse, AgentTrouble, Enrolled, Place
from clients.agent.printing import Printing
from clients.agent.probing import Prober
from clients.agent.switching import Switcher
from clients.sdk import NoAnswer, Problem, YjClient
from clients.transport import Answer
from fallback_server.domain.authority import parts

PATIENCE: Final = 5.0
log = logging.getLogger("yj.agent")


@dataclass(frozen=True)
class Wish:
    """What the command line said; None: as it was enrolled."""

    server: str | None
    workstation: str | None
    role: str
    ca: Path | None


@dataclass(frozen=True)
class Speaker:
    """Whom this agent speaks to, and as which workstation."""

    server: str
    workstation: str
    ca: Path | None

    def client(self) -> YjClient:
        """A connection, for one thread."""
        return YjClient(self.server, self.workstation, patience=PATIENCE, ca=self.ca)


def agent_version() -> str:
    """The installed version, as the roll call shows it."""
    try:
        return version("his-yj")
    except PackageNotFoundError:
        return "0"


def enrol(place: Place, server: str, code: str, ca: Path | None) -> Enrolled:
    """Use a one-time code: token and authority are kept in the folder. Raises AgentTrouble, AgentMisuse.

    Without `ca` the authority is fetched from the standby, and believed by the mark in the code alone.
    """
    server = server.rstrip("/")
    once, mark = parts(code)
    if mark and ca is None and server.startswith("https://"):
        trusting.fetch(place, server, mark)
    authority = trusted(place, server, ca)
    with YjClient(server, "", patience=0, ca=authority) as client:
        try:
            answer = client.post("/workstations/enrol", {"code": once}, keyed=False)
        except Problem as error:
            raise AgentTrouble(str(error)) from error
        except NoAnswer as error:
            raise AgentTrouble(trouble(error) if is_other_certificate(error) else f"{server}: {error}") from error
    enrolled = Enrolled(server, answer["workstation"], answer["token"])
    place.keep_enrolled(enrolled)
    if authority is not None and authority.resolve() != place.ca.resolve():
        shutil.copyfile(authority, place.ca)
        place.ca.chmod(place.mode)
    return enrolled


def run(place: Place, wish: Wish) -> None:
    """Follow the mode until SIGTERM or Ctrl-C; this PC stays as it is then. Raises AgentMisuse."""
    enrolled = place.enrolled()
    server = (wish.server or (enrolled.server if enrolled else "")).rstrip("/")
    workstation = wish.workstation or (enrolled.workstation if enrolled else "")
    if not server or not workstation:
        raise AgentMisuse("--server, --workstation: say them, or enrol this workstation first (yj agent enrol)")
    ca, chosen = trusted(place, server, wish.ca), settings.load(place.configuration)
    held = place.alone()
    try:
        _keep_log(place.folder)
        todo = actions.build(chosen, server, workstation, wish.role, place.folder)
        switcher = Switcher(place, todo, chosen.departments, chosen.leave_seconds)
        token = enrolled.token if enrolled and enrolled.workstation == workstation else None
        if token is None:
            log.error("本机尚未接入，点名表里看不到它。 Not enrolled: %s follows, but cannot acknowledge.", workstation)
        speaker = Speaker(server, workstation, ca)
        with speaker.client() as one, speaker.client() as other:
            heart = Heart(one, token, wish.role, agent_version()) if token else None
            printing = Printing(other, token, chosen.printing, place.folder) if token else None
            _live(speaker, switcher, heart, printing, Prober(chosen.centre))
    finally:
        held.close()


def test_printers(place: Place) -> list[dict[str, Any]]:
    """A test page on each printer of this PC; what became of each. Raises AgentTrouble, AgentMisuse."""
    enrolled = place.enrolled()
    if enrolled is None:
        raise AgentMisuse("this workstation is not enrolled (yj agent enrol)")
    ca, chosen = trusted(place, enrolled.server, None), settings.load(place.configuration)
    with Speaker(enrolled.server, enrolled.workstation, ca).client() as client:
        try:
            return Printing(client, enrolled.token, chosen.printing, place.folder).test()
        except (Problem, NoAnswer) as error:
            raise AgentTrouble(str(error)) from error


def _live(speaker: Speaker, switcher: Switcher, heart: Heart | None, printing: Printing | None, prober: Prober) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _end_with_launcher(stop)

    def told(mode: dict[str, Any]) -> None:
        if heart is not None:
            heart.told(mode)
        switcher.told(mode)

    follower = Follower(speaker.server, speaker.ca, told, stop, workstation=speaker.workstation)
    parts: list[Switcher | Heart | Printing | Prober] = [switcher]
    if heart is not None and printing is not None:
        parts += [heart, printing, prober]
        follower.rung = printing.wake

        def answered(answer: Answer) -> None:
            for part in (printing.heard, prober.told, follower.answered):
                part(answer)

        heart.answered = answered
        heart.reaches, prober.changed = lambda: prober.reaches, heart.wake
        printing.listening = lambda: follower.listening
    threading.Thread(target=follower.run, name="follow", daemon=True).start()
    threads = [threading.Thread(target=part.run, args=(stop,), name=type(part).__name__) for part in parts]
    for thread in threads:
        thread.start()
    log.info("version %s follows %s", agent_version(), speaker.server)
    while not stop.wait(1.0):  # short waits: Windows hands signals over only between two of them
        pass
    for part in parts:
        part.wake()
    for thread in threads:
        thread.join(20)


def _end_with_launcher(stop: threading.Event) -> None:
    """Where a launcher has started us: its word to end, and its own end, close our input."""
    if os.environ.pop(LAUNCHED, None) is None:
        return

    def wait() -> None:
        try:
            while os.read(0, 64):
                pass
        except OSError:  # there is no input: then it is the launcher that ends us
            return
        stop.set()

    threading.Thread(target=wait, name="launcher", daemon=True).start()


def trusted(place: Place, server: str, ca: Path | None) -> Path | None:
    """The pinned authority. Raises AgentMisuse where TLS has none: what the machine trusts otherwise does not count."""
    if server.startswith("http://"):
        return None
    if not server.startswith("https://"):
        raise AgentMisuse(f"--server {server}: begins with https:// (or http:// where the standby has TLS turned off)")
    found = ca or place.ca
    if not found.is_file():
        raise AgentMisuse(
            f"--ca: {found} is not there, and the code is a short one; take the whole code, or carry the file from the"
            " standby (yj certificate export ca.crt)"
        )
    return found


def _keep_log(folder: Path) -> None:
    handlers: list[logging.Handler] = [
        RotatingFileHandler(folder / "agent.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8")
    ]
    if sys.stderr is not None:  # pythonw has none
        handlers.append(logging.StreamHandler())
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", handlers=handlers, force=True
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
