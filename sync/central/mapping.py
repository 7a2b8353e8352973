"""A mapping: the folder of SQL files and mapping.toml that describe one centre. Loaded once, checked at once."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fallback_server.domain.datasets import DATASETS
from sync.central import vocabulary
from sync.central.gateway import LedgerMode, LedgerRow, Proof
from sync.central.options import (
    FILE_NAME,
    DatasetOptions,
    MappingFile,
    merged,
    read_options,
)
from sync.central.sql_file import REPEATED, MappingError, SqlFile, Step, parse


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
    """Read a mapping. Raises MappingError with every problem found, each naming file, line and cure.

    With `extends` another mapping's files and keys count wherever this one has none of its own.
    """
    problems: list[str] = []
    chain, document = _chain(folder, problems)
    options = read_options(document, problems) if document is not None else None
    if options is not None:
        problems += _option_problems(options)
    files = {name: file for name, path in _paths(chain).items() if (file := _file(name, path, problems)) is not None}
    needed = ["probe", *(["ledger"] if options and options.ledger.mode is LedgerMode.SAME_TRANSACTION else [])]
    problems += [f"{name}.sql: is missing in {folder.name}" for name in needed if name not in _paths(chain)]
    if options:
        problems += _watermark_problems(options, files)
        problems += [*_rest_problems(options), *_ledger_problems(options, files)]
    formats = options.time_formats if options else {}
    for file in files.values():
        problems += _file_problems(file, formats)
    if problems or options is None:
        raise MappingError(problems)
    return CentralMapping(folder, options, files)


def _chain(folder: Path, problems: list[str]) -> tuple[list[Path], dict[str, Any] | None]:
    """The folders this mapping is made of, the farthest first, and their mapping.toml as one."""
    own = _document(folder, problems)
    if own is None or not isinstance(base := own.get("extends"), str):
        return [folder], own
    below = (folder / base).resolve()
    if not (below / FILE_NAME).exists():
        problems.append(f"{FILE_NAME}: extends = {base!r}: no mapping is there; give a path from this folder")
        return [folder], own
    document = _document(below, problems)
    if document is not None and "extends" in document:
        problems.append(f"{FILE_NAME}: extends = {base!r}: that mapping extends another; name the last one instead")
    return [below, folder], merged(document, own) if document is not None else own


def _document(folder: Path, problems: list[str]) -> dict[str, Any] | None:
    path = folder / FILE_NAME
    if not path.exists():
        problems.append(f"{FILE_NAME}: is missing; {folder} is not the folder of a mapping")
        return None
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{FILE_NAME}: {error}")
        return None


def _paths(chain: Iterable[Path]) -> dict[str, Path]:
    """Every file by its name inside the mapping; a nearer folder wins."""
    found: dict[str, Path] = {}
    for folder in chain:
        found |= {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.sql"))}
    return found


def _file(name: str, path: Path, problems: list[str]) -> SqlFile | None:
    try:
        return parse(name, path.read_text(encoding="utf-8"))
    except MappingError as error:
        problems += error.problems
    except UnicodeDecodeError:
        problems.append(f"{name}.sql: is not UTF-8; save it as UTF-8")
    return None


def _option_problems(options: MappingFile) -> list[str]:
    problems = []
    unknown = [name for name in options.datasets if name not in DATASETS]
    problems += [f"{FILE_NAME}: datasets.{name}: there is no such dataset{_near(name, DATASETS)}" for name in unknown]
    return problems


def proof_of(mapping: CentralMapping, entity: str) -> Proof:
    """What proves, in this mapping's ledger mode, that a document of this kind has arrived."""
    return _proof(mapping.options, mapping.files, entity)


def _proof(options: MappingFile, files: Mapping[str, SqlFile], entity: str) -> Proof:
    asked = f"upload/find_{entity}" in files
    match options.ledger.mode:
        case LedgerMode.SAME_TRANSACTION:
            return Proof.LEDGER
        case LedgerMode.UNIQUE_COLUMN:
            return Proof.ASKED if entity in options.ledger.columns and asked else Proof.PERSON
        case LedgerMode.PROCEDURE if _refuses_twice(files.get(f"upload/{entity}")):
            return Proof.ASKED if asked else Proof.REFUSED_TWICE
        case _:
            return Proof.PERSON


def _refuses_twice(file: SqlFile | None) -> bool:
    return file is not None and any(meaning == REPEATED for step in file.steps for _, meaning in step.codes)


def _ledger_problems(options: MappingFile, files: Mapping[str, SqlFile]) -> Iterator[str]:
    """What the ledger mode asks of the other keys and files."""
    mode, columns = options.ledger.mode, options.ledger.columns
    for entity in columns:
        if not vocabulary.is_entity(entity):
            yield f"{FILE_NAME}: ledger.columns.{entity}: there is no such kind{_near(entity, vocabulary.BODY)}"
        elif f"upload/find_{entity}" not in files:
            yield f"{FILE_NAME}: ledger.columns.{entity}: upload/find_{entity}.sql is missing; it asks for our number"
    if columns and mode is not LedgerMode.UNIQUE_COLUMN:
        yield f'{FILE_NAME}: ledger.columns: is for mode = "unique_column"; take it out'
    if not columns and mode is LedgerMode.UNIQUE_COLUMN:
        yield f"{FILE_NAME}: ledger.columns is missing; name the unique column of every kind of document that has one"
    refusing = [name for name, file in files.items() if _refuses_twice(file)]
    if mode is LedgerMode.PROCEDURE and not refusing:
        yield f"{FILE_NAME}: ledger.mode procedure: no upload file says by `-- code` what `{REPEATED}` is"
    if mode is not LedgerMode.PROCEDURE:
        yield from (f'{name}.sql: `{REPEATED}` of `-- code` is for ledger.mode = "procedure"' for name in refusing)
    for entity in vocabulary.BODY:
        if _proof(options, files, entity) is Proof.ASKED:
            yield from _find_problems(files[f"upload/find_{entity}"], options.time_formats)


def _find_problems(file: SqlFile, formats: Mapping[str, str]) -> Iterator[str]:
    """A question that proves something is asked long after: by what stays known of a document."""
    known = {field.name for field in fields(LedgerRow)} | vocabulary.ALWAYS
    for step in file.steps:
        yield from _unknown_binds(step, known, formats)


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


def _rest_problems(options: MappingFile) -> list[str]:
    """What may wait for the night: masters of which nobody can say what changed."""
    problems = []
    for name, own in options.datasets.items():
        place = f'{FILE_NAME}: datasets.{name}.read = "sweep_hours"'
        if own.read != "sweep_hours" or name not in DATASETS:
            continue
        if DATASETS[name].group != "master":
            problems.append(f"{place}: open work must be read in every run; bound it by :horizon_from instead")
        elif own.watermark:
            problems.append(f"{place}: it has a watermark, so only what changed is read by day; take one of them out")
    return problems


def _file_problems(file: SqlFile, formats: Mapping[str, str]) -> list[str]:
    room, _, name = file.name.rpartition("/")
    if room == "mirror" and name not in DATASETS:
        return [f"{file.name}.sql: there is no dataset {name}{_near(name, DATASETS)}"]
    if room == "mirror":
        return _paged_problems(file, DATASETS[name].keys)
    if room == "upload" and vocabulary.is_entity(name):
        return _upload_problems(file, name, formats)
    return []


def _paged_problems(file: SqlFile, keys: Iterable[str]) -> list[str]:
    """The `-- paged` lines of a SELECT say where a page begins and how long it is, or there are none."""
    step = file.steps[-1]
    if step.paged is None:
        return []
    needed = ["page_rows", *(f"after_{key}" for key in keys)]
    missing = [name for name in needed if name not in step.by_pages().binds]
    return [f"{step.where}: its `-- paged` lines must also bind :{name}" for name in missing]


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
