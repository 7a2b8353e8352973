"""SQL files of a mapping: steps with their directives, named binds, and errors that name file and line.

A file is plain SQL with directives in comment lines (`-- step`, `-- each`, `-- when`, `-- expect`, `-- code`,
`-- returns`), and
inside a SELECT of the mirror lines `-- changed …` and `-- paged …`: SQL that counts only where the changed rows alone
are read, or where rows are read page by page. Every other comment is for people. One statement a step; a file without
`-- step` is one step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sqlalchemy import TextClause, text

_DIRECTIVE = re.compile(r"^\s*--\s*(step|each|when|expect|code|returns)\b\s*(.*?)\s*$")
_ONLY = re.compile(r"^(\s*)--\s*(changed|paged)\b\s*(.*?)\s*$")
_WHEN = re.compile(r"^(\w+)\s*(?:=\s*'?(.*?)'?|(present)|(absent))$")
_EXPECT = re.compile(r"^(\d+)\s+else\s+([A-Za-z][A-Za-z0-9_]*)$")
_CODE = re.compile(r"^(-?\w+|else)\s+([A-Za-z][A-Za-z0-9_]*)$")
OK, REPEATED, BUSY = "ok", "repeated", "busy"
ELSE = "else"
# Strings and comments are told apart first, so that neither a quote in a comment nor a colon in a string misleads.
_DEPTH = re.compile(
    r"(commit|rollback|savepoint|release\s+savepoint|save\s+tran|start\s+transaction|begin(\s+(tran|transaction|work))?\s*$"
    r"|begin\s+tran|end\s+transaction|set\s+(implicit_transactions|autocommit|transaction)|lock\s+tables)\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|::|;", re.DOTALL)
_BIND = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
_READS = re.compile(r"^\s*(select|with|values|show|exec|execute|call)\b", re.IGNORECASE)


class MappingError(ValueError):
    """The mapping cannot be used: a configuration error. `problems` are sentences that name file, line and cure."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class When:
    """A condition on one bind: its text equals `value`; or it is there, or not, where `value` is None."""

    bind: str
    value: str | None
    present: bool = True

    def holds(self, bound: Any) -> bool:
        """Whether a step with this condition runs for the value bound."""
        if self.value is None:
            return (bound is not None) is self.present
        return bound is not None and _text(bound) == self.value


@dataclass(frozen=True, eq=False)
class Step:
    """One statement, itself alone. `line` is where it begins; `statement` has its binds in SQLAlchemy's form."""

    name: str
    file: str
    line: int
    sql: str
    each: str | None = None
    when: tuple[When, ...] = ()
    expect: int | None = None
    conflict: str | None = None
    returns: tuple[str, ...] = ()
    codes: tuple[tuple[str, str], ...] = ()  # what the return codes of a procedure mean
    changed: str | None = None  # the statement with its `-- changed` lines in force
    paged: str | None = None  # with its `-- paged` lines
    changed_paged: str | None = None  # with both

    def only_changed(self) -> Step:
        """The same step for the changed rows alone. Raises ValueError if its file has no `-- changed` line."""
        if self.changed is None:
            raise ValueError(f"{self.where} has no `-- changed` line")
        return replace(self, sql=self.changed, paged=self.changed_paged)

    def by_pages(self) -> Step:
        """The same step for one page, if its file has `-- paged` lines; otherwise itself."""
        return self if self.paged is None else replace(self, sql=self.paged)

    def meaning(self, code: str) -> str:
        """What a return code means: ok, repeated, busy, or the conflict's code."""
        known = dict(self.codes)
        return known.get(code) or known.get(ELSE) or "refused_by_centre"

    @cached_property
    def where(self) -> str:
        return f"{self.file}:{self.line} step {self.name}"

    @cached_property
    def binds(self) -> tuple[str, ...]:
        """The names this statement and its conditions use, each once, in order of appearance."""
        names = [condition.bind for condition in self.when] + _BIND.findall(self.sql)
        return tuple(dict.fromkeys(names))

    @cached_property
    def statement_binds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_BIND.findall(self.sql)))

    @property
    def statement(self) -> TextClause:
        return text(self.sql)

    @property
    def reads(self) -> bool:
        """Whether it only asks (by its first word)."""
        return _READS.match(self.sql) is not None


@dataclass(frozen=True)
class SqlFile:
    """One file: its name inside the mapping without `.sql`, and its steps in order."""

    name: str
    steps: tuple[Step, ...]


@dataclass
class _Draft:
    name: str
    line: int
    directives: dict[str, str] = field(default_factory=dict)
    when: list[str] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)  # when a line counts ("" for always), and the line
    sql_line: int | None = None

    def text(self, *counting: str) -> str:
        """The statement's lines, with those that count only sometimes where `counting` names them."""
        return "\n".join(line for when, line in self.lines if when in ("", *counting))

    def has(self, *kinds: str) -> bool:
        """Whether it has lines of all these kinds."""
        return {*kinds} <= {when for when, _ in self.lines}


def parse(name: str, source: str) -> SqlFile:
    """Read one file. Raises MappingError with every problem found, each naming file and line."""
    path = f"{name}.sql"
    problems: list[str] = []
    drafts = [d for d in _drafts(path, source, problems) if d.sql_line is not None or d.name]
    steps = [step for draft in drafts for step in _steps(path, draft, problems)]
    if not steps and not problems:
        problems.append(f"{path}:1: there is no statement in this file")
    if problems:
        raise MappingError(problems)
    return SqlFile(name, tuple(steps))


def _drafts(path: str, source: str, problems: list[str]) -> Iterator[_Draft]:
    draft = _Draft("", 1)
    for number, line in enumerate(source.splitlines(), start=1):
        match = _DIRECTIVE.match(line)
        if match is None:
            if draft.sql_line is None and line.strip() and not line.lstrip().startswith("--"):
                draft.sql_line = number
            only = _ONLY.match(line)
            draft.lines.append((only[2], only[1] + only[3]) if only else ("", line))
            continue
        word, rest = match.groups()
        if word == "step":
            yield draft
            draft = _Draft(rest, number)
            if not re.fullmatch(r"\w+", rest):
                problems.append(f"{path}:{number}: write `-- step NAME` with one word as the name")
        elif draft.sql_line is not None:
            problems.append(f"{path}:{number}: `-- {word}` must stand above its statement")
        elif word == "when":
            draft.when.append(rest)
        elif word in draft.directives:
            problems.append(f"{path}:{number}: `-- {word}` stands twice in this step")
        else:
            draft.directives[word] = rest
    yield draft


def _steps(path: str, draft: _Draft, problems: list[str]) -> Iterator[Step]:
    line = draft.sql_line or draft.line
    where = f"{path}:{line}"
    if draft.sql_line is None:
        problems.append(f"{where}: step {draft.name} has no statement")
        return
    statements = list(_statements(where, draft.text(), problems))
    if not statements:
        problems.append(f"{where}: step {draft.name or '(unnamed)'} has no statement")
    if len(statements) > 1 and path != "ledger.sql":
        problems.append(f"{where}: one statement a step; begin another with `-- step NAME`")
    expect, conflict = _expect(where, draft.directives.get("expect"), problems)
    for sql in statements:
        yield Step(
            name=draft.name or path.removesuffix(".sql").rpartition("/")[2],
            file=path,
            line=line,
            sql=sql,
            each=draft.directives.get("each"),
            when=tuple(_when(where, rest, problems) for rest in draft.when),
            expect=expect,
            conflict=conflict,
            returns=tuple(n.strip() for n in draft.directives.get("returns", "").split(",") if n.strip()),
            codes=_codes(where, draft.directives.get("code"), problems),
            changed=_variant(where, draft, "changed"),
            paged=_variant(where, draft, "paged"),
            changed_paged=_variant(where, draft, "changed", "paged"),
        )


def _variant(where: str, draft: _Draft, *kinds: str) -> str | None:
    """The statement with its lines of these kinds, None if it lacks them."""
    if not draft.has(*kinds):
        return None
    return next(_statements(where, draft.text(*kinds), []), None)


def _when(where: str, rest: str, problems: list[str]) -> When:
    match = _WHEN.match(rest)
    if match is None:
        problems.append(f"{where}: write `-- when NAME = VALUE`, `-- when NAME present` or `-- when NAME absent`")
        return When("", None)
    name, value, present, _ = match.groups()
    return When(name, value, present=present is not None or value is not None)


def _expect(where: str, rest: str | None, problems: list[str]) -> tuple[int | None, str | None]:
    if rest is None:
        return None, None
    match = _EXPECT.match(rest)
    if match is None:
        problems.append(f"{where}: write `-- expect NUMBER else CODE`")
        return None, None
    return int(match[1]), match[2]


def _codes(where: str, rest: str | None, problems: list[str]) -> tuple[tuple[str, str], ...]:
    if rest is None:
        return ()
    found = [_CODE.match(part.strip()) for part in rest.split(",")]
    pairs = tuple((match[1], match[2]) for match in found if match is not None)
    if len(pairs) < len(found) or not any(meaning == OK for _, meaning in pairs):
        problems.append(
            f"{where}: write `-- code VALUE MEANING, …, else CONFLICT_CODE`, one of the meanings being {OK};"
            f" {REPEATED} and {BUSY} have a meaning of their own"
        )
    return pairs


def _statements(where: str, source: str, problems: list[str]) -> Iterator[str]:
    """The statements in `source` without comments; colons in strings are escaped, so that they are never binds."""
    parts: list[str] = []
    last = 0
    for token in _TOKEN.finditer(source):
        parts.append(source[last : token.start()])
        last = token.end()
        if token[0] == ";":
            yield from _one(where, parts, problems)
            parts = []
        elif token[0] == "::":
            problems.append(f"{where}: a colon cast (::) reads like a bind; write CAST(… AS type)")
        elif token[0][0] in "'\"":
            parts.append(token[0].replace(":", "\\:"))
    parts.append(source[last:])
    yield from _one(where, parts, problems)


def _one(where: str, parts: list[str], problems: list[str]) -> Iterator[str]:
    """One statement, unless it is empty. One that ends or opens a transaction would tear the document in two."""
    for sql in _whole(parts):
        if _DEPTH.match(sql):
            words = " ".join(sql.split()[:2])
            problems.append(f"{where}: {words} changes the transaction; the document is one, begun and ended by us")
        yield sql


def _whole(parts: list[str]) -> Iterator[str]:
    sql = "\n".join(line.rstrip() for line in "".join(parts).splitlines() if line.strip())
    if sql.strip():
        yield sql.strip()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
