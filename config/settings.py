"""The settings of one instance: yj.toml, the environment over it, secrets in files.

Every key is explained with its default in yj.example.toml beside this file. `load` either returns settings that hold
all rules written here or raises one `SettingsError` that names every wrong key, its value and the cure.
Only composition roots (the server's app, the worker, the console) read settings; rooms get plain values.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from config.kinds import ZoneName
from config.sections import (
    Alerts,
    Backup,
    Central,
    Database,
    Detection,
    Drill,
    Incident,
    Mirror,
    Rules,
    Section,
    Security,
    Server,
    Upload,
    Windows,
)
from config.sources import (
    SettingsError,
    SettingsProblem,
    Tree,
    merged,
    overrides,
    read_file,
    resolved,
    shown,
)

__all__ = ["Settings", "SettingsError", "SettingsProblem", "defaults", "load", "write_default"]

FILE_NAME = "yj.toml"
BUILT_IN_MAPPINGS = Path(__file__).resolve().parent / "central"


class Settings(Section):
    """Everything about one instance. `home` is its folder, absolute; it is not a key of the file."""

    home: Path
    time_zone: ZoneName = "Asia/Shanghai"
    database: Database = Database()
    central: Central = Central()
    mirror: Mirror = Mirror()
    server: Server = Server()
    windows: Windows = Windows()
    detection: Detection = Detection()
    rules: Rules = Rules()
    incident: Incident = Incident()
    upload: Upload = Upload()
    security: Security = Security()
    backup: Backup = Backup()
    drill: Drill = Drill()
    alerts: Alerts = Alerts()

    @property
    def zone(self) -> ZoneInfo:
        """The hospital's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def mirror_file(self) -> Path:
        """The SQLite file of the mirror (with PostgreSQL the mirror is a schema and this file does not exist)."""
        return self.home / "mirror.db"

    @property
    def mapping_dir(self) -> Path:
        """The folder of the central mapping: one relative to home or absolute, else the built-in one of that name."""
        own = self.home / self.central.mapping
        built_in = BUILT_IN_MAPPINGS / self.central.mapping
        is_name = re.fullmatch(r"[A-Za-z0-9_-]+", self.central.mapping) is not None
        return built_in if is_name and built_in.is_dir() and not own.is_dir() else own


def defaults() -> Tree:
    """All keys with their defaults, in the shape of the file (`{home}` not yet replaced)."""
    return Settings(home=Path()).model_dump(mode="json", exclude={"home"})


def load(home: Path, env: Mapping[str, str]) -> Settings:
    """The settings of the instance in `home`, with overrides from `env` (usually `os.environ`).

    Raises `SettingsError` with all problems at once.
    """
    home = home.expanduser().resolve()
    problems: list[SettingsProblem] = []
    base = defaults()
    given = merged(read_file(home / FILE_NAME, problems), overrides(env, base, problems))
    if "home" in given:
        problems.append(SettingsProblem("home", shown(given.pop("home")), "is no key; use --home or YJ_HOME"))
    tree = resolved(merged(base, given), home, problems)
    try:
        settings = Settings.model_validate({**tree, "home": home})
    except ValidationError as error:
        already = {problem.key for problem in problems}
        problems += [p for p in map(_problem, error.errors()) if p.key not in already]
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def write_default(
    home: Path,
    *,
    database_url: str | None = None,
    central_url: str | None = None,
    mapping: str | None = None,
    hospital_name: str | None = None,
) -> Path:
    """Write a new yj.toml with only the values chosen; readable by its owner only, as it may hold passwords.

    Makes the folder if needed. Raises FileExistsError if there is a yj.toml already: an instance is never overwritten.
    """
    chosen = {
        "database": {"url": database_url},
        "central": {"url": central_url, "mapping": mapping},
        "windows": {"hospital_name": hospital_name},
    }
    lines = [
        "# Settings of this instance. Keys that are not here have their defaults; every key is explained in",
        '# config/yj.example.toml. A secret may be kept in a file of its own: url = { file = "secrets/central" }',
    ]
    for section, values in chosen.items():
        entries = [f"{key} = {_toml_text(value)}" for key, value in values.items() if value is not None]
        lines += ["", f"[{section}]", *entries] if entries else []
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / FILE_NAME
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
    return path


def _toml_text(value: str) -> str:
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


_CURES = {
    "missing": "is missing; copy it from config/yj.example.toml",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": 'must be text in quotes (or, for a secret, { file = "…" })',
    "string_too_short": "must not be empty",
    "list_type": 'must be a list, like ["…", "…"]',
    "too_short": "must not be empty",
    "decimal_parsing": 'must be an amount as text, like "200.00"',
    "decimal_max_places": 'must be an amount with two decimals, like "200.00"',
    "model_type": "must be a section, like [section] and key = value lines under it",
}


def _problem(error: Any) -> SettingsProblem:
    """What a pydantic error says, in the words of the file."""
    key = ".".join(str(part) for part in error["loc"]) or "yj.toml"
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return SettingsProblem(key, shown(error["input"]), _did_you_mean(error["loc"]))
    if kind == "value_error":
        # A rule over a whole section names its keys itself; its values are in the file.
        value = f"[{key}]" if isinstance(error["input"], dict | BaseModel) else shown(error["input"])
        return SettingsProblem(key, value, str(context["error"]))
    cure = _CURES.get(kind)
    text = cure.replace("{expected}", str(context.get("expected"))) if cure else str(error["msg"])
    for name in ("ge", "le"):
        text = text.replace("{" + name + "}", str(context.get(name)))
    return SettingsProblem(key, shown(error["input"]), text)


def _did_you_mean(loc: tuple[str | int, ...]) -> str:
    known: Any = defaults()
    for part in loc[:-1]:
        known = known[part]
    close = difflib.get_close_matches(str(loc[-1]), list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else "remove it, or see config/yj.example.toml for the keys there are"
    return f"there is no such key; {hint}"
