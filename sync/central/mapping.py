"""A mapping: the folder of SQL files and mapping.toml that describe one centre. Loaded once, checked at once."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fallback_server.domain.datasets import DATASETS
from sync.central import vocabulary
from sync.central.sql_file import MappingError, SqlFile, Step, parse

FILE_NAME = "mapping.toml"
LEDGER_MODES = ("same_transaction", "procedure", "unique_column", "none")
LEDGER_MODES_HERE = ("same_transaction",)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Guards(_Part):
    """Guards of one dataset where they differ from the instance's; None means the instance's."""

    shrink_percent: int | None = Field(default=None, ge=0, le=100)
    changed_percent: int | None = Field(default=None, ge=0, le=100)
    price_factor: int | None = Field(default=None, ge=2)
    price_rows: int | None = Field(default=None, ge=0)
    may_be_empty: bool = False


class DatasetOptions(_Part):
    """What mapping.toml says about one dataset.

    `watermark` names one more column of its SELECT, which grows with every change: a time (hospital-local), or a
    number as SQL Server's rowversion. The file then has a `-- changed` line: the condition for the changed rows alone.
    """

    watermark: str | None = Field(default=None, pattern=r"^[a-z_][a-z0-9_]*$")
    watermark_kind: Literal["time", "number"] = "time"
    horizon_days: int | None = Field(default=None, ge=0)
    guards: Guards = Guards()


class Ledger(_Part):
    """Where the proof of an upload lives."""

    mode: str = "same_transaction"


class Tables(_Part):
    """The centre's tables that uploads touch; `fingerprint` is that of the schema this mapping was tested with."""

    touched: tuple[str, ...] = ()
    fingerprint: str | None = None


class Triggers(_Part):
    """Triggers on the touched tables that the hospital and the vendor know and accept."""

    known: tuple[str, ...] = ()


class MappingFile(_Part):
    """mapping.toml."""

    name: str = Field(min_length=1)
    dialect: str = Field(min_length=1)
    ledger: Ledger = Ledger()
    time_formats: dict[str, str] = {}
    datasets: dict[str, DatasetOptions] = {}
    tables: Tables = Tables()
    triggers: Triggers = Triggers()


@dataclass(frozen=True)
class CentralMapping:
    """One loaded mapping; files by name, e.g. `mirror/drug`, `upload/charge`, `probe`."""

    folder: Path
    options: MappingFile
    files: Mapping[str, SqlFile]

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets this mapping has files for, in the contract's order."""
        return tuple(name for name in DATASETS if f"mirror/{name}" in self.files)

    def dataset_options(self, dataset: str) -> DatasetOptions:
        """What mapping.toml sets for a dataset."""
        return self.options.datasets.get(dataset, DatasetOptions())

    def has(self, name: str) -> bool:
        return name in self.files


def load(folder: Path) -> CentralMapping:
    """Read a mapping. Raises MappingError with every problem found, each naming file, line and cure."""
    problems: list[str] = []
    options = _options(folder, problems)
    files: dict[str, SqlFile] = {}
    for path in sorted(folder.rglob("*.sql")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        try:
            files[name] = parse(name, path.read_text(encoding="utf-8"))
        except MappingError as error:
            problems += error.problems
        except UnicodeDecodeError:
            problems.append(f"{name}.sql: is not UTF-8; save it as UTF-8")
    for name in ("probe", "ledger"):
        if not (folder / f"{name}.sql").exists():
            problems.append(f"{name}.sql: is missing in {folder.name}")
    problems += _watermark_problems(options, files) if options else []
    formats = options.time_formats if options else {}
    for file in files.values():
        problems += _file_problems(file, formats)
    if problems or options is None:
        raise MappingError(problems)
    return CentralMapping(folder, options, files)


def _options(folder: Path, problems: list[str]) -> MappingFile | None:
    path = folder / FILE_NAME
    if not path.exists():
        problems.append(f"{FILE_NAME}: is missing; {folder} is not the folder of a mapping")
        return None
    try:
        options = MappingFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{FILE_NAME}: {error}")
        return None
    except ValidationError as error:
        problems += [f"{FILE_NAME}: {_place(item['loc'])}: {item['msg']}" for item in error.errors()]
        return None
    problems += _option_problems(options)
    return options


def _place(loc: Iterable[Any]) -> str:
    return ".".join(str(part) for part in loc)


def _option_problems(options: MappingFile) -> list[str]:
    problems = []
    if options.ledger.mode not in LEDGER_MODES:
        problems.append(f"{FILE_NAME}: ledger.mode {options.ledger.mode!r}: use one of {', '.join(LEDGER_MODES)}")
    elif options.ledger.mode not in LEDGER_MODES_HERE:
        problems.append(
            f"{FILE_NAME}: ledger.mode {options.ledger.mode!r} cannot be used; only same_transaction can:"
            " ask the DBA for the two tables of ledger.sql"
        )
    unknown = [name for name in options.datasets if name not in DATASETS]
    problems += [f"{FILE_NAME}: datasets.{name}: there is no such dataset{_near(name, DATASETS)}" for name in unknown]
    return problems


def _watermark_problems(options: MappingFile, files: Mapping[str, SqlFile]) -> list[str]:
    """A watermark is two things, or none: the column named in mapping.toml, and the `-- changed` line of the file."""
    problems = []
    for name in DATASETS:
        file, own = files.get(f"mirror/{name}"), options.datasets.get(name, DatasetOptions())
        if file is None:
            continue
        conditional = file.steps[-1].changed is not None
        if own.watermark and not conditional:
            problems.append(f"mirror/{name}.sql: has a watermark in {FILE_NAME} but no `-- changed WHERE …` line")
        if conditional and not own.watermark:
            problems.append(
                f'{FILE_NAME}: datasets.{name}: mirror/{name}.sql has a `-- changed` line; add watermark = "…"'
            )
    return problems


def _file_problems(file: SqlFile, formats: Mapping[str, str]) -> list[str]:
    room, _, name = file.name.rpartition("/")
    if room == "mirror" and name not in DATASETS:
        return [f"{file.name}.sql: there is no dataset {name}{_near(name, DATASETS)}"]
    if room == "upload" and vocabulary.is_entity(name):
        return _upload_problems(file, name, formats)
    return []


def _upload_problems(file: SqlFile, entity: str, formats: Mapping[str, str]) -> list[str]:
    problems: list[str] = []
    names = set(vocabulary.entity_names(entity))
    lists = vocabulary.LISTS.get(entity, {})
    for step in file.steps:
        if step.each is not None and step.each not in lists:
            problems.append(f"{step.where}: {entity} has no list {step.each}{_near(step.each, lists)}")
            continue
        scope = names | (lists[step.each] if step.each else set())
        problems += _unknown_binds(step, scope, formats)
        names |= set(step.returns)
    return problems


def _unknown_binds(step: Step, scope: set[str], formats: Mapping[str, str]) -> list[str]:
    derived = {f"{name}_{suffix}" for name in scope for suffix in formats}
    unknown = [name for name in step.binds if name not in scope and name not in derived]
    return [f"{step.where}: there is nothing to bind as :{name}{_near(name, scope | derived)}" for name in unknown]


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
