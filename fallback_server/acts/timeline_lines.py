"""Lines of an incident's timeline, and how a source gives a page of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, or_

from fallback_server.domain.policy import Policy
from fallback_server.store.session import Tx

MINUTE: Final = len("2026-11-23T08:30")
HOUR: Final = len("2026-11-23T08")


@dataclass(frozen=True)
class Line:
    """One line. `key` orders all lines of all sources; `more` is handed on to programs as it is."""

    at: str
    rank: int
    ref: int
    source: str
    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)
    who: str | None = None
    approver: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int, int]:
        return self.at, self.rank, self.ref


@dataclass(frozen=True)
class Asked:
    """A page of one incident: at most `limit` lines before `before`, of the group `only`."""

    tx: Tx
    policy: Policy
    row: Mapping[str, Any]
    only: str | None
    before: tuple[str, int, int] | None
    limit: int

    @property
    def number(self) -> int:
        return int(self.row["incident_no"])

    @property
    def end(self) -> str:
        """Until when things that carry no incident's number belong to this one."""
        return str(self.row["closed_at"] or self.tx.at)


@dataclass(frozen=True)
class Source:
    """One source, and the groups its lines may belong to."""

    groups: tuple[str, ...]
    lines: Callable[[Asked], Iterable[Line]]


def rows(asked: Asked, rank: int, statement: Select[Any], at: Any, key: Any) -> Iterable[Mapping[str, Any]]:
    """The newest rows before the cursor; `at` and `key` are the columns that order them."""
    limits: list[ColumnElement[bool]] = [at.is_not(None)]
    if asked.before is not None:
        moment, before_rank, ref = asked.before
        if rank == before_rank:
            limits.append(or_(at < moment, and_(at == moment, key < ref)))
        else:
            limits.append(at <= moment if rank < before_rank else at < moment)
    wanted = statement.where(*limits).order_by(at.desc(), key.desc()).limit(asked.limit)
    return [dict(row) for row in asked.tx.conn.execute(wanted).mappings()]


def cut(asked: Asked, lines: Iterable[Line]) -> list[Line]:
    """The same for lines that were counted."""
    found = sorted(lines, key=lambda line: line.key, reverse=True)
    return [line for line in found if asked.before is None or line.key < asked.before][: asked.limit]
