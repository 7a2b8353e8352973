"""What a window PC does when YJ begins and ends. Each action may be done again at any time and then does nothing more.

`enter(memory, remember)` gets what was remembered of an earlier time (None at first) and hands what it must know for
`leave` to `remember` before it changes anything, so that no power failure leaves a change that nobody can undo.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from clients.agent import browser, ini, notice, processes
from clients.agent.settings import ROLE_PAGES, AgentSettings

Memory = dict[str, Any]
Remember = Callable[[Memory], None]


class ActionFailed(Exception):
    """It could not be done; the text is for IT. It is tried again."""


class Action(Protocol):
    """One line of `agent.toml`. `drill`: also done in a drill, which must not take a real HIS away."""

    @property
    def name(self) -> str: ...
    @property
    def drill(self) -> bool: ...

    def enter(self, memory: Memory | None, remember: Remember, mode: Mapping[str, Any]) -> None:
        """Make this PC as it shall be in YJ. Raises ActionFailed, IniRefused, OSError."""

    def leave(self, memory: Memory) -> None:
        """Give back what `enter` changed. Raises the same."""


@dataclass(frozen=True)
class Notice:
    """A notice over everything else, once for each outage."""

    name: str
    drill: bool = True

    def enter(self, memory: Memory | None, remember: Remember, mode: Mapping[str, Any]) -> None:
        """Shown once: who has read it is not asked again after a restart."""
        if (memory and memory["incident"] == mode.get("incident_no")) or not notice.possible():
            return
        words = "演练：" if mode.get("drill") else ""
        mark = _show(f"{words}应急模式已启动\n请在弹出的应急页面办理业务\n\nYJ mode: work in the page that opens")
        remember({"incident": mode.get("incident_no"), "shown": mark})

    def leave(self, memory: Memory) -> None:
        """Say that the HIS is back, in place of the first notice."""
        processes.end(memory["shown"])
        _show("应急已结束\n请回到 HIS 办理业务\n\nThe HIS is back: work there again")


def _show(text: str) -> Memory:
    # By its file, which needs nothing else: this process may have been told elsewhere where its modules are.
    return processes.start([sys.executable, "-I", notice.__file__, text])


@dataclass(frozen=True)
class Page:
    """The window's page in a browser of the agent's own; opened again when it was closed."""

    name: str
    address: str
    profile: Path
    window: str = "app"
    browser: str | None = None
    arguments: tuple[str, ...] = ()
    drill: bool = True

    def enter(self, memory: Memory | None, remember: Remember, mode: Mapping[str, Any]) -> None:
        """Open it where it is not open."""
        if memory and processes.alive(memory):
            return
        program = browser.find(self.browser)
        if program is None:
            raise ActionFailed(
                f"no Chromium, Chrome or Edge was found here; open {self.address} by hand, or say `browser`"
            )
        self.profile.mkdir(parents=True, exist_ok=True)
        remember(processes.start(browser.command(program, self.address, self.profile, self.window, self.arguments)))

    def leave(self, memory: Memory) -> None:
        """Close that browser and no other."""
        processes.end(memory)


@dataclass(frozen=True)
class Ini:
    """The server's name in a legacy client's file."""

    name: str
    file: Path
    wanted: ini.Wanted
    value: str
    original: str | None = None
    drill: bool = False

    def enter(self, memory: Memory | None, remember: Remember, mode: Mapping[str, Any]) -> None:
        """Name the standby; also when something has put the centre's name back meanwhile."""
        first = ini.Memory.from_json(memory) if memory else None

        def keep(found: ini.Memory) -> None:
            # Half of it may be ours already: then what was remembered first is what stood there.
            same = first is not None and len(first.values) == len(found.values) and bool(first.new) == bool(found.new)
            remember((first if same and first else found).to_json())

        ini.set_in_file(self.file, self.wanted, self.value, keep)

    def leave(self, memory: Memory) -> None:
        """What stood there before, exactly."""
        ini.give_back_in_file(self.file, self.wanted, ini.Memory.from_json(memory))

    def look(self) -> None:
        """Name the centre again where nothing is remembered and `original` is given: the agent's folder was lost."""
        if self.original is None or not self.file.is_file():
            return
        found = ini.values_of(self.file.read_bytes(), self.wanted)
        if self.value in found:
            ini.set_in_file(self.file, self.wanted, self.original, lambda _: None)


@dataclass(frozen=True)
class Program:
    """A program of this PC, such as the HIS client: stopped or started when YJ begins and when it ends, once each."""

    name: str
    process: str
    command: tuple[str, ...] = ()
    folder: Path | None = None
    entering: str = "stop"
    leaving: str = "start"
    drill: bool = False

    def enter(self, memory: Memory | None, remember: Remember, mode: Mapping[str, Any]) -> None:
        """Once: who starts it by hand during YJ may."""
        if memory:
            return
        self._do(self.entering)
        remember({"entered": True})

    def leave(self, memory: Memory) -> None:
        """The other way round."""
        self._do(self.leaving)

    def _do(self, what: str) -> None:
        running = processes.named(self.process)
        if what == "stop":
            for mark in running:
                processes.end(mark)
        elif what == "start" and not running:
            processes.start(self.command, self.folder)


def build(settings: AgentSettings, server: str, workstation: str, role: str, folder: Path) -> list[Action]:
    """The actions of this PC in their order."""
    return [_one(dict(given), server, workstation, role, folder) for given in settings.actions]


def _one(given: dict[str, Any], server: str, workstation: str, role: str, folder: Path) -> Action:
    kind, name = given.pop("kind"), given.pop("name")
    drill = {"drill": given.pop("drill")} if "drill" in given else {}
    if kind == "notice":
        return Notice(name, **drill)
    if kind == "page":
        path = given.pop("path", ROLE_PAGES.get(role, "/"))
        arguments = tuple(map(str, given.pop("arguments", ())))
        address = browser.address(server, path, workstation)
        return Page(name, address, folder / "browser", arguments=arguments, **given, **drill)
    if kind == "ini":
        file, value, original = Path(given.pop("file")), given.pop("value"), given.pop("original", None)
        return Ini(name, file, ini.Wanted(**given), value, original, **drill)
    command, inside = tuple(map(str, given.pop("command", ()))), given.pop("folder", None)
    return Program(name, command=command, folder=Path(inside) if inside else None, **given, **drill)
