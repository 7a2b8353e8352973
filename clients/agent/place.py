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
CA: Final = "ca.crt"


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
    """The folder. `state.json` is what the agent did to this PC and must undo: it outlives every restart."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / CA

    @property
    def configuration(self) -> Path:
        return self.folder / "agent.toml"

    def enrolled(self) -> Enrolled | None:
        """Who this agent is; None before the enrolment. Raises AgentMisuse for a spoiled file."""
        kept = self._read("enrolled.json")
        try:
            return Enrolled(**kept) if kept else None
        except TypeError:
            raise AgentMisuse(f"{self.folder / 'enrolled.json'} is spoiled; enrol this workstation again") from None

    def keep_enrolled(self, enrolled: Enrolled) -> None:
        """Keep the token, for this user's eyes alone."""
        self._write("enrolled.json", asdict(enrolled))

    def state(self) -> dict[str, Any]:
        """What was done and not undone: memories by the action's name."""
        return self._read("state.json")

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

    def _read(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            raise AgentMisuse(f"{self.folder / name} is no JSON; look at it, or remove it") from None
        return found if isinstance(found, dict) else {}

    def _write(self, name: str, value: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(value, ensure_ascii=False, indent=2)
        replace_whole(self.folder / name, text.encode(), mode=SECRET)


def usual_folder() -> Path:
    """Where the agent of this user lives unless told otherwise."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "his-yj-agent"
    return Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")).expanduser() / "his-yj-agent"
