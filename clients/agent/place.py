"""The agent's folder on a window PC: who it is, whom it trusts, what it did. Nothing in it is of a patient."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from clients.agent.disk import replace_whole

SECRET: Final = 0o600
FOR_ALL: Final = 0o644
CA: Final = "ca.crt"
ENROLLED: Final = "enrolled.json"
CONFIGURATION: Final = "agent.toml"


class AgentMisuse(Exception):
    """The agent was called or configured wrongly; each line names value and cure. Exit code 2."""


class AgentTrouble(Exception):
    """What was asked for could not be had; the text says why. Exit code 1."""


@dataclass(frozen=True)
class Enrolled:
    """What an enrolment left."""

    server: str
    workstation: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Place:
    """The folder of a user. `state.json` is what the agent did to this PC and must undo: it outlives every restart.

    `machine` is looked into first for who this PC is and whom it trusts, where several people log in to it. A place
    whose files are for `all_users` is such a folder.
    """

    folder: Path
    machine: Path | None = None
    all_users: bool = False

    @property
    def identity(self) -> Path:
        """The folder that says who this PC is: the machine's where it was enrolled there, else the user's own."""
        if self.machine is not None and (self.machine / ENROLLED).is_file():
            return self.machine
        return self.folder

    @property
    def ca(self) -> Path:
        return self.identity / CA

    @property
    def configuration(self) -> Path:
        shared = self.identity / CONFIGURATION
        return shared if shared.is_file() else self.folder / CONFIGURATION

    @property
    def mode(self) -> int:
        """Who may read what is kept here."""
        return FOR_ALL if self.all_users else SECRET

    def enrolled(self) -> Enrolled | None:
        """Who this agent is; None before the enrolment. Raises AgentMisuse for a spoiled file."""
        kept = _read(self.identity / ENROLLED)
        try:
            return Enrolled(**kept) if kept else None
        except TypeError:
            raise AgentMisuse(f"{self.identity / ENROLLED} is spoiled; enrol this workstation again") from None

    def keep_enrolled(self, enrolled: Enrolled) -> None:
        """Keep the token, for this user's eyes alone unless the place is for all users of the PC."""
        self._write(ENROLLED, asdict(enrolled))

    def state(self) -> dict[str, Any]:
        """What was done and not undone: memories by the action's name."""
        return _read(self.folder / "state.json")

    def keep_state(self, state: dict[str, Any]) -> None:
        """On disk before the act it speaks of."""
        self._write("state.json", state)

    def alone(self) -> IO[bytes]:
        """Hold the folder: two agents would undo one another's work. Raises AgentMisuse while another one has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        held = (self.folder / "lock").open("ab")
        try:
            if sys.platform == "win32":
                import msvcrt

                held.seek(0)
                msvcrt.locking(held.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.close()
            raise AgentMisuse(f"another agent works with {self.folder}") from None
        return held

    def _write(self, name: str, value: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(value, ensure_ascii=False, indent=2)
        replace_whole(self.folder / name, text.encode(), mode=self.mode)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise AgentMisuse(f"{file} is no JSON; look at it, or remove it") from None
    return found if isinstance(found, dict) else {}


def place_of(folder: Path | None) -> Place:
    """The folder that was named and no other, or the usual ones of this user and this PC."""
    return Place(folder) if folder else Place(usual_folder(), machine_folder())


def place_to_enrol(folder: Path | None, *, machine: bool, shared: Path | None = None) -> Place:
    """Where an enrolment is kept: in the folder of one user, or (`machine`) in one for all who log in to the PC.

    Raises AgentMisuse where one for all is there already: it would be found before that of the user.
    """
    shared = shared or machine_folder()
    if machine:
        return Place(folder or shared, all_users=True)
    if folder is None and (shared / ENROLLED).is_file():
        raise AgentMisuse(f"this PC is enrolled in {shared} for all its users; say --machine, as administrator")
    return Place(folder or usual_folder())


def machine_folder() -> Path:
    """What is the same for all users of this PC."""
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", "C:/ProgramData")) / "his-yj-agent"
    return Path("/etc/his-yj-agent")


def usual_folder() -> Path:
    """Where the agent of this user lives unless told otherwise."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "his-yj-agent"
    return Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")).expanduser() / "his-yj-agent"
