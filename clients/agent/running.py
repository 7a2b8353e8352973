"""The agent as a whole: `run` until it is told to stop, `enrol` once."""

from __future__ import annotations

import logging
import shutil
import signal
import sys
import threading
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

from clients.agent import actions, settings
from clients.agent.following import Follower, is_other_certificate, trouble
from clients.agent.heart import Heart
from clients.agent.place import AgentMisuse, Enrolled, Place
from clients.agent.switching import Switcher
from clients.sdk import NoAnswer, Problem, YjClient

PATIENCE: Final = 5.0
log = logging.getLogger("yj.agent")


class AgentTrouble(Exception):
    """What was asked for could not be had; the text says why. Exit code 1."""


@dataclass(frozen=True)
class Wish:
    """What the command line said; None: as it was enrolled."""

    server: str | None
    workstation: str | None
    role: str
    ca: Path | None


def agent_version() -> str:
    """The installed version, as the roll call shows it."""
    try:
        return version("his-yj")
    except PackageNotFoundError:
        return "0"


def enrol(place: Place, server: str, code: str, ca: Path | None) -> Enrolled:
    """Use a one-time code: token and authority are kept in the folder. Raises AgentTrouble, AgentMisuse."""
    server = server.rstrip("/")
    trusted = _trusted(place, server, ca)
    with YjClient(server, "", patience=0, ca=trusted) as client:
        try:
            answer = client.post("/workstations/enrol", {"code": code}, keyed=False)
        except Problem as error:
            raise AgentTrouble(str(error)) from error
        except NoAnswer as error:
            raise AgentTrouble(trouble(error) if is_other_certificate(error) else f"{server}: {error}") from error
    enrolled = Enrolled(server, answer["workstation"], answer["token"])
    place.keep_enrolled(enrolled)
    if trusted is not None and trusted.resolve() != place.ca.resolve():
        shutil.copyfile(trusted, place.ca)
    return enrolled


def run(place: Place, wish: Wish) -> None:
    """Follow the mode until SIGTERM or Ctrl-C; this PC stays as it is then. Raises AgentMisuse."""
    enrolled = place.enrolled()
    server = (wish.server or (enrolled.server if enrolled else "")).rstrip("/")
    workstation = wish.workstation or (enrolled.workstation if enrolled else "")
    if not server or not workstation:
        raise AgentMisuse("--server, --workstation: say them, or enrol this workstation first (yj agent enrol)")
    ca, chosen = _trusted(place, server, wish.ca), settings.load(place.configuration)
    held = place.alone()
    try:
        _keep_log(place.folder)
        todo = actions.build(chosen, server, workstation, wish.role, place.folder)
        switcher = Switcher(place, todo, chosen.departments, chosen.leave_seconds)
        token = enrolled.token if enrolled and enrolled.workstation == workstation else None
        if token is None:
            log.error("本机尚未接入，点名表里看不到它。 Not enrolled: %s follows, but cannot acknowledge.", workstation)
        with YjClient(server, workstation, patience=PATIENCE, ca=ca) as client:
            heart = Heart(client, token, wish.role, agent_version(), chosen.centre) if token else None
            _live(server, ca, switcher, heart)
    finally:
        held.close()


def _live(server: str, ca: Path | None, switcher: Switcher, heart: Heart | None) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def told(mode: dict[str, Any]) -> None:
        if heart is not None:
            heart.told(mode)
        switcher.told(mode)

    follower = Follower(server, ca, told, stop)
    threading.Thread(target=follower.run, name="follow", daemon=True).start()
    parts = [threading.Thread(target=switcher.run, args=(stop,), name="switch")]
    if heart is not None:
        parts.append(threading.Thread(target=heart.run, args=(stop,), name="heart"))
    for part in parts:
        part.start()
    log.info("following %s", server)
    while not stop.wait(1.0):  # short waits: Windows hands signals over only between two of them
        pass
    switcher.wake()
    if heart is not None:
        heart.wake()
    for part in parts:
        part.join(20)


def _trusted(place: Place, server: str, ca: Path | None) -> Path | None:
    """The pinned authority. Raises AgentMisuse where TLS has none: what the machine trusts otherwise does not count."""
    if server.startswith("http://"):
        return None
    if not server.startswith("https://"):
        raise AgentMisuse(f"--server {server}: begins with https:// (or http:// where the standby has TLS turned off)")
    found = ca or place.ca
    if not found.is_file():
        raise AgentMisuse(f"--ca: {found} is not there; carry it from the standby (yj certificate export ca.crt)")
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
