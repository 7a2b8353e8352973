"""An agent's installation on a PC: its versions side by side, and the file that says which of them is started.

    FOLDER/agent.py        started by the unit or the task; it stays (launch.py)
    FOLDER/versions.json   {"order": ["0.2.0", "0.1.0"]}: the first is started, the next is the one to go back to
    FOLDER/versions/0.2.0/ one version, with all it needs

A new version is complete before its name stands in the file. One that is named there and does not start any more is
replaced as a whole.
"""

from __future__ import annotations

import compileall
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from clients.agent import launch, wheels
from clients.agent.disk import replace_whole
from clients.agent.place import AgentMisuse, AgentTrouble, Place

LAUNCHER: Final = "agent.py"
KEPT: Final = 3
_FOR_ALL: Final = 0o644


@dataclass(frozen=True)
class Installation:
    """One folder of versions."""

    folder: Path

    @property
    def launcher(self) -> Path:
        return self.folder / LAUNCHER

    def order(self) -> list[str]:
        """Its versions, the one that is started first; none before the first is installed. Raises AgentTrouble."""
        try:
            return launch.order(self.folder)
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise AgentTrouble(f"{self.folder}: {error}") from error

    def folder_of(self, version: str) -> Path:
        """Where a version is."""
        return self.folder / launch.VERSIONS / version

    def alone(self) -> IO[bytes]:
        """Nobody else changes it meanwhile. Raises AgentMisuse."""
        try:
            return Place(self.folder).alone()
        except PermissionError as error:
            raise AgentMisuse(
                f"{self.folder}: cannot be written ({error.strerror}); say it as administrator"
            ) from error

    def add(self, version: wheels.Version) -> None:
        """Unpack a version beside the others, in the place of the same one. Raises AgentTrouble: all is as it was."""
        whole = self.folder_of(version.name)
        part, old = (whole.with_name(f".{version.name}.{what}") for what in ("part", "old"))
        try:
            for left in (part, old):
                if left.exists():
                    shutil.rmtree(left)
            part.mkdir(parents=True)
            wheels.unpack(version, part)
            compileall.compile_dir(part, quiet=2)  # users may read here, not write
            if sys.platform != "win32":
                os.sync()
            _take_its_place(part, whole, old)
            if not self.launcher.exists():
                replace_whole(self.launcher, wheels.launcher(version), mode=_FOR_ALL)
        except OSError as error:
            raise AgentTrouble(f"{whole}: cannot be written ({error})") from error

    def drop(self, version: str) -> None:
        """Remove a version that is not to be started; what another program holds open stays until the next time."""
        shutil.rmtree(self.folder_of(version), ignore_errors=True)

    def lead(self, version: wheels.Version) -> None:
        """Let this one be started from now on. What is older than the last few is removed. Raises AgentTrouble."""
        order = [version.name, *(one for one in self.order() if one != version.name)]
        launcher = wheels.launcher(version)
        self._keep(order[:KEPT])
        try:
            replace_whole(self.launcher, launcher, mode=_FOR_ALL)
        except OSError as error:
            raise AgentTrouble(
                f"{version.name} is started from now on, but {self.launcher} cannot be written and stays ({error})"
            ) from error
        for one in (self.folder / launch.VERSIONS).iterdir():
            if one.name not in order[:KEPT]:
                shutil.rmtree(one, ignore_errors=True)

    def back(self) -> str:
        """Let the version before be started again; the one that is left is forgotten. Raises AgentTrouble."""
        order = self.order()
        if len(order) < 2:
            raise AgentTrouble(f"{self.folder}: there is no version before {order[0] if order else 'the first'}")
        self._keep(order[1:])
        return order[1]

    def _keep(self, order: list[str]) -> None:
        try:
            replace_whole(self.folder / launch.POINTER, json.dumps({"order": order}).encode(), mode=_FOR_ALL)
        except OSError as error:
            raise AgentTrouble(f"{self.folder / launch.POINTER}: cannot be written ({error})") from error


def _take_its_place(part: Path, whole: Path, old: Path) -> None:
    """`part` becomes `whole`, which is `old` for a moment. Raises OSError: `whole` is as it was."""
    if whole.exists():
        whole.rename(old)
    try:
        part.rename(whole)
    except OSError:
        if old.exists():
            old.rename(whole)
        raise
    shutil.rmtree(old, ignore_errors=True)


def usual() -> Path:
    """Where the agent's programs are unless told otherwise: where this one was started from."""
    if told := os.environ.get(launch.ROOT):
        return Path(told)
    if sys.platform == "win32":  # where only administrators write, unlike a folder of one's own on C:
        return Path(os.environ.get("PROGRAMFILES", "C:/Program Files")) / "his-yj-agent"
    return Path("/opt/his-yj-agent")
