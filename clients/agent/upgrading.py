"""`install`, `upgrade` and `rollback`: a version of the agent beside the running one, tried before it takes over.

The running agent notices by itself (launch.py) and changes over within seconds; what it did to the PC stays as it is.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clients.agent import wheels
from clients.agent.place import AgentMisuse, AgentTrouble, Place
from clients.agent.versions import Installation

SECONDS: Final = 90.0  # for the trial of a version, on a slow PC


@dataclass(frozen=True)
class Change:
    """What is started now, what was before, and what the trial said; nothing where none was needed."""

    version: str
    before: str | None
    said: str

    @property
    def words(self) -> str:
        """One line for who asked for it."""
        if self.version == self.before and self.said:
            return f"{self.version} did not start any more and was unpacked again. {self.said}"
        if self.version == self.before:
            return f"{self.version} is installed already and stays"
        return f"{self.version} is started from now on, {self.before or 'nothing'} before it. {self.said}"


@dataclass(frozen=True)
class Enrolment:
    """The one-time code of a PC that is set up, and how it is used (`enrol`)."""

    server: str
    code: str
    ca: Path | None = None


def install(here: Installation, folder: Path, place: Place, enrolment: Enrolment) -> Change:
    """Set a PC up in one go: the newest version of a folder, this PC's token by its code, and a look at the standby.

    Repeated after a failure it goes on where it was, with a fresh code if the last one was used; a version that does
    not start any more is unpacked again. Raises AgentMisuse, AgentTrouble.
    """
    version = _leading(here, folder, place) or upgrade(here, folder, place).version
    ca = ["--ca", str(enrolment.ca.resolve())] if enrolment.ca else []
    machine = ["--machine"] if place.all_users else []
    words = ["enrol", "--server", enrolment.server, "--code", enrolment.code, *ca, *machine]
    said = _asked(here, version, place, words)
    return Change(version, None, f"{said}. {tried(here, version, place, alone=False)}")


def _leading(here: Installation, folder: Path, place: Place) -> str | None:
    """The version that is started, and does start; None before the first. Raises AgentTrouble, AgentMisuse."""
    held = here.alone()
    try:
        name = next(iter(here.order()), None)
        if name is not None:
            _mended(here, name, lambda: wheels.find(folder, name), place, leads=True)
        return name
    finally:
        held.close()


def _mended(here: Installation, name: str, found: Callable[[], wheels.Version], place: Place, *, leads: bool) -> str:
    """Unpack a version again if it does not start: what it said then, '' where it was not needed.

    It is not asked about the standby: one that cannot be reached says nothing about the files here.
    """
    try:
        tried(here, name, place, alone=True)
    except AgentTrouble as error:
        try:
            version = found()
        except AgentMisuse as misuse:
            raise AgentTrouble(f"{name} does not start ({error}) and cannot be unpacked again. {misuse}") from error
        here.add(version)
        said = tried(here, name, place, alone=True)
        if leads:
            here.lead(version)  # who watches the versions tries it anew
        return said
    return ""


def upgrade(here: Installation, folder: Path, place: Place, wanted: str | None = None) -> Change:
    """Install a version from a folder of wheels and let it lead, if it starts and talks to the standby.

    Otherwise it is removed again and the one before goes on. The first version of a PC need not talk yet: it is
    enrolled afterwards. Raises AgentMisuse, AgentTrouble.
    """
    held = here.alone()
    try:
        order, version = here.order(), wheels.find(folder, wanted)
        before = order[0] if order else None
        if version.name == before:
            return Change(version.name, before, _mended(here, version.name, lambda: version, place, leads=True))
        if before and place.enrolled() is None:
            raise AgentMisuse(f"--folder: no agent is enrolled in {place.folder}; name the folder of the one that runs")
        if version.name not in order:
            here.add(version)
        try:
            if version.name in order:
                _mended(here, version.name, lambda: version, place, leads=False)
            said = tried(here, version.name, place, alone=before is None)
        except AgentTrouble as error:
            if version.name not in order:
                here.drop(version.name)
            raise AgentTrouble(f"{version.name} was not taken; {before or 'nothing'} goes on. {error}") from error
        here.lead(version)
        return Change(version.name, before, said)
    finally:
        held.close()


def roll_back(here: Installation, place: Place) -> Change:
    """Let the version before be started again, at once; then try it. Raises AgentMisuse, AgentTrouble."""
    held = here.alone()
    try:
        before = next(iter(here.order()), None)
        version = here.back()
        try:
            said = tried(here, version, place, alone=place.enrolled() is None)
        except AgentTrouble as error:
            raise AgentTrouble(f"{version} is started from now on, but: {error}") from error
        return Change(version, before, said)
    finally:
        held.close()


def tried(here: Installation, version: str, place: Place, *, alone: bool) -> str:
    """Start a version for a look at the standby, or (`alone`) only at its own file. Raises AgentTrouble."""
    return _asked(here, version, place, ["check", *(["--alone"] if alone else [])])


def _asked(here: Installation, version: str, place: Place, verb: Sequence[str]) -> str:
    """What that version says to a verb, in a process of its own."""
    where = [] if place.machine else ["--folder", str(place.folder)]
    words = [sys.executable, str(here.launcher), "--as", version, *where, *verb]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentTrouble(f"its {verb[0]} came to no end ({type(error).__name__})") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise AgentTrouble(f"its {verb[0]} ended with {done.returncode}: {said}")
    return done.stdout.decode(errors="replace").strip()
