"""Where settings come from: the file, the environment, secret files. All problems are collected, none is raised."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENV_PREFIX = "YJ_"
_PASSWORD = re.compile(r"(?<=:)[^:/@]+(?=@)")
_SECRET_FILE_MAX = 64 * 1024

Tree = dict[str, Any]


@dataclass(frozen=True)
class SettingsProblem:
    """One thing that is wrong: the key as people write it, the value found (passwords hidden), and what to do."""

    key: str
    value: str
    cure: str

    def __str__(self) -> str:
        return f"{self.key} = {self.value}: {self.cure}"


class SettingsError(Exception):
    """The configuration cannot be used. `problems` holds every reason found, never only the first."""

    def __init__(self, problems: list[SettingsProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


def shown(value: object) -> str:
    """The value for a message, with passwords of addresses hidden."""
    text = _PASSWORD.sub("***", value) if isinstance(value, str) else value
    return f'"{text}"' if isinstance(text, str) else str(text)


def read_file(path: Path, problems: list[SettingsProblem]) -> Tree:
    """The content of a yj.toml, or nothing and a problem."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(
            SettingsProblem(
                "yj.toml",
                str(path),
                "there is no instance here: name its folder (--home, YJ_HOME), or make one with `yj init`",
            )
        )
    except (OSError, UnicodeDecodeError) as error:
        problems.append(SettingsProblem("yj.toml", str(path), f"cannot be read as UTF-8 text: {error}"))
    except tomllib.TOMLDecodeError as error:
        problems.append(SettingsProblem("yj.toml", str(path), f"is not TOML: {error}"))
    return {}


def overrides(env: Mapping[str, str], shape: Tree, problems: list[SettingsProblem]) -> Tree:
    """Values from `YJ_SECTION__KEY` (and `YJ_KEY` for a key outside sections), typed like `shape`.

    Other `YJ_` variables without a double underscore (`YJ_HOME`) belong to the command line and are passed over.
    """
    found: Tree = {}
    for name, text in env.items():
        if not name.startswith(ENV_PREFIX):
            continue
        section, _, key = name[len(ENV_PREFIX) :].lower().partition("__")
        if key:
            known = shape.get(section)
            if not isinstance(known, dict) or key not in known:
                problems.append(SettingsProblem(name, shown(text), "no such section and key in config/yj.example.toml"))
                continue
            found.setdefault(section, {})[key] = _typed(name, text, known[key], problems)
        elif section in shape and not isinstance(shape[section], dict):
            found[section] = _typed(name, text, shape[section], problems)
    return found


def _typed(name: str, text: str, like: object, problems: list[SettingsProblem]) -> object:
    """A list from a comma-separated text, a table or list from TOML, otherwise the text itself."""
    if text.startswith(("{", "[")):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError as error:
            problems.append(SettingsProblem(name, shown(text), f"starts like TOML but is not: {error}"))
            return like
    if isinstance(like, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def merged(base: Tree, over: Tree) -> Tree:
    """`base` with the values of `over`, section by section. Neither is changed.

    A secret reference `{ file = … }` replaces the value it stands for; it is not a section.
    """
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def resolved(tree: Tree, home: Path, problems: list[SettingsProblem], path: str = "") -> Tree:
    """Every `{ file = "…" }` replaced by the file's text (relative to home), every `{home}` by the instance folder."""
    result: Tree = {}
    for key, value in tree.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, dict) and path and set(value) == {"file"}:
            result[key] = _secret(name, value["file"], home, problems)
        elif isinstance(value, dict):
            result[key] = resolved(value, home, problems, name)
        elif isinstance(value, str):
            result[key] = value.replace("{home}", home.as_posix())
        else:
            result[key] = value
    return result


def _secret(name: str, file: object, home: Path, problems: list[SettingsProblem]) -> str:
    if not isinstance(file, str) or not file:
        problems.append(SettingsProblem(name, shown(file), 'write the secret\'s file as { file = "secrets/name" }'))
        return ""
    path = home / file.replace("{home}", home.as_posix())
    try:
        with path.open(encoding="utf-8") as stream:
            text = stream.read(_SECRET_FILE_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        problems.append(SettingsProblem(name, f'{{ file = "{file}" }}', f"{path} cannot be read: {reason}"))
        return ""
    if not text:
        problems.append(SettingsProblem(name, f'{{ file = "{file}" }}', f"{path} is empty; put the secret into it"))
    return text


def secret_files(home: Path) -> list[Path]:
    """The files that the yj.toml of an instance keeps secrets in."""
    return [home / name.replace("{home}", home.as_posix()) for name in _named(read_file(home / "yj.toml", []))]


def _named(tree: Tree) -> list[str]:
    found: list[str] = []
    for value in tree.values():
        if isinstance(value, dict):
            name = value.get("file") if set(value) == {"file"} else None
            found += [name] if isinstance(name, str) else _named(value)
    return found
