"""`agent.toml`: what is done on this PC when YJ begins and ends. Without the file: a notice, and the role's page."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from clients.agent.place import AgentMisuse
from clients.agent.printing import PrintSettings
from clients.agent.probing import Probing

ROLE_PAGES: Final = {
    "registrar": "/registration", "cashier": "/billing", "doctor": "/doctor", "pharmacist": "/pharmacy",
    "triage": "/triage", "supervisor": "/", "duty": "/console", "admin": "/console",
}  # fmt: skip
_ACTION: Final = {"kind": str, "name": str, "drill": bool}
KINDS: Final[dict[str, dict[str, type]]] = {
    "notice": {},
    "page": {"window": str, "path": str, "browser": str, "arguments": list},
    "ini": {"file": str, "section": str, "key": str, "value": str, "original": str, "encoding": str, "add": bool,
            "doubled": bool, "read_only": bool},
    "program": {"process": str, "command": list, "folder": str, "entering": str, "leaving": str},
}  # fmt: skip
NEEDED: Final = {"ini": ("file", "section", "key", "value"), "program": ("process",)}
PRINTING: Final[dict[str, type]] = {"command": list, "browser": str, "arguments": list, "seconds": int}
CHOICES: Final = {
    "window": ("app", "kiosk"), "entering": ("stop", "start", "nothing"), "leaving": ("stop", "start", "nothing"),
}  # fmt: skip


@dataclass(frozen=True)
class AgentSettings:
    """The file, checked. `departments`: those this window serves (none: all). `centre`: how it looks at the centre."""

    departments: tuple[str, ...] = ()
    leave_seconds: int = 5
    centre: Probing = field(default_factory=Probing)
    printing: PrintSettings = field(default_factory=PrintSettings)
    actions: tuple[dict[str, Any], ...] = field(default=({"kind": "notice"}, {"kind": "page"}))


def load(path: Path) -> AgentSettings:
    """The settings of this PC. Raises AgentMisuse with everything that is wrong, one problem a line."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return AgentSettings(actions=_named([{"kind": "notice"}, {"kind": "page"}]))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AgentMisuse(f"{path}: {error}") from None
    known = {"departments", "leave_seconds", "centre", "printing", "action"}
    problems = [f"{path}: {key} is not known" for key in found.keys() - known]
    problems += [f"{path}: [printing] {what}" for what in _wrong_printing(found.get("printing", {}))]
    actions = found.get("action", [{"kind": "notice"}, {"kind": "page"}])
    for number, action in enumerate(actions, 1):
        problems += [f"{path}: action {number}: {what}" for what in _wrong(action)]
    problems += [f"{path}: [centre] {what}" for what in _wrong_centre(found.get("centre", {}))]
    problems += [f"{path}: {what}" for what in _wrong_whole(found)]
    if problems:
        raise AgentMisuse("\n".join(problems))
    return AgentSettings(
        tuple(found.get("departments", ())), found.get("leave_seconds", 5),
        _probing(found.get("centre", {})), _printing(found.get("printing", {})), _named(actions),
    )  # fmt: skip


def _wrong_whole(found: dict[str, Any]) -> list[str]:
    departments, seconds = found.get("departments", []), found.get("leave_seconds", 5)
    wrong = []
    if not (isinstance(departments, list) and all(isinstance(one, str) for one in departments)):
        wrong.append('departments: a list of codes, each in quotes, like ["NK", "EK"]')
    if type(seconds) is not int or seconds < 0:
        wrong.append("leave_seconds: a whole number, 0 or more")
    return wrong


def _is_encoding(name: object) -> bool:
    """Whether it is an encoding of text; what is not even a text is said elsewhere."""
    if isinstance(name, str):
        try:
            "".encode(name)
        except (LookupError, ValueError):
            return False
    return True


def _wrong_centre(given: dict[str, Any]) -> list[str]:
    wrong = [f"{key} is not known" for key in given.keys() - {"host", "port", "login"}]
    if given.keys() & {"host", "port"} and not (
        isinstance(given.get("host"), str) and type(given.get("port")) is int and 0 < given["port"] < 65536
    ):
        wrong.append("needs host (text) and port (a number) together")
    login = given.get("login", [])
    if not (isinstance(login, list) and all(isinstance(one, str) and one for one in login)):
        wrong.append('login is a program and what it is given, like ["C:/his/ping.exe", "-q"]')
    return wrong


def _probing(given: dict[str, Any]) -> Probing:
    return Probing((given["host"], given["port"]) if "host" in given else None, tuple(given.get("login", ())))


def _wrong_printing(given: dict[str, Any]) -> list[str]:
    wrong = [f"{key} is not known" for key in given.keys() - PRINTING.keys()]
    wrong += [
        f"{key} must be {PRINTING[key].__name__}"
        for key in given.keys() & PRINTING
        if not isinstance(given[key], PRINTING[key])
    ]
    command = given.get("command", [])
    flat = [word for part in command for word in (part if isinstance(part, list) else [part])]
    if not all(isinstance(word, str) for word in flat):
        wrong.append("command: words, or lists of words")
    elif command and not any("{pdf}" in word or "{html}" in word for word in flat):
        wrong.append("command names neither {pdf} nor {html}: there would be nothing to print")
    return wrong


def _printing(given: dict[str, Any]) -> PrintSettings:
    values = dict(given)
    for name in ("command", "arguments"):
        if name in values:
            values[name] = tuple(tuple(part) if isinstance(part, list) else part for part in values[name])
    return PrintSettings(**values)


def _wrong(action: dict[str, Any]) -> list[str]:
    kind = action.get("kind")
    if kind not in KINDS:
        return [f"kind = {kind!r} is not one of {', '.join(KINDS)}"]
    known = {**_ACTION, **KINDS[kind]}
    wrong = [f"{key} is not known for {kind}" for key in action.keys() - known]
    wrong += [
        f"{key} must be {known[key].__name__}" for key in action.keys() & known if type(action[key]) is not known[key]
    ]
    wrong += [f"{key} is missing" for key in NEEDED.get(kind, ()) if key not in action]
    wrong += [
        f"{key} must be one of {', '.join(may)}" for key, may in CHOICES.items() if action.get(key, may[0]) not in may
    ]
    if not _is_encoding(action.get("encoding", "gbk")):
        wrong.append(f"encoding {action['encoding']!r} is not known, gbk and utf-8 are")
    starts = "start" in (action.get("entering"), action.get("leaving"))
    return wrong + (["command is missing: what shall be started"] if starts and not action.get("command") else [])


def _named(actions: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Each with a name of its own, by which its memory is found again after a restart."""
    return tuple({"name": f"{one['kind']} {one.get('file', one.get('process', ''))}".strip(), **one} for one in actions)
