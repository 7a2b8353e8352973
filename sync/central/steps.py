"""Running the steps of an upload file inside one open central transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sync.central.binds import Binds, jsonable
from sync.central.dialects import CHANGED
from sync.central.driver_sql import execute
from sync.central.gateway import CentralError, Refused, Row, Transient
from sync.central.sql_file import BUSY, OK, REPEATED, SqlFile, Step

Items = Callable[[str], Sequence[Row]]


@dataclass(frozen=True)
class Done:
    """What a file's last step that ran did: its rows, or how many it changed."""

    changed: int
    names: tuple[str, ...] = ()
    values: Sequence[Sequence[Any]] = ()

    @property
    def rows(self) -> list[Row]:
        """The rows by name. Most steps only need to know how many there are."""
        return [dict(zip(self.names, row, strict=True)) for row in self.values]


class Repeated(Exception):
    """A procedure of the centre has this number already: nothing was written again."""

    def __init__(self, central_key: str | None) -> None:
        super().__init__(central_key)
        self.central_key = central_key


def run_steps(
    connection: Connection,
    file: SqlFile,
    binds: Binds,
    items: Items,
    failed: Callable[[DBAPIError, str], CentralError],
) -> Done:
    """Run every step in order; what they return is handed on through `binds`.

    Raises Refused with the code of an `-- expect` or a `-- code` that did not hold, Repeated where a return code says
    so, or what `failed` makes of the driver's error. The caller rolls back.
    """
    done = Done(0)
    for step in file.steps:
        for item in items(step.each) if step.each else (None,):
            values = binds.of(step, item)
            if not all(condition.holds(values[condition.bind]) for condition in step.when):
                continue
            try:
                done = _run(connection, step, values)
            except DBAPIError as error:
                raise failed(error, step.where) from None
            _expect(step, done)
            returned = _returned(step, done.values)
            _answered(step, done, returned)
            binds.add(returned)
    return done


def _run(connection: Connection, step: Step, values: Mapping[str, Any]) -> Done:
    result = execute(connection, step.sql, values)
    if not result.returns_rows:
        return Done(connection.info.get(CHANGED, result.rowcount))
    rows = result.fetchall()
    return Done(len(rows), tuple(result.keys()), rows)


def _expect(step: Step, done: Done) -> None:
    if step.expect is None or done.changed == step.expect:
        return
    first = jsonable(done.rows[0]) if done.values else {}
    detail = f"{step.where}: {done.changed} rows instead of {step.expect}"
    raise Refused(step.conflict or "constraint_violation", detail, first)


def _answered(step: Step, done: Done, returned: Mapping[str, Any]) -> None:
    """Judge the return code of a procedure: the column or returned name `code`, or else the first column."""
    if not step.codes:
        return
    row = done.rows[0] if done.values else {}
    named = {str(name).lower(): value for name, value in {**row, **returned}.items()}
    code = named.get("code", next(iter(row.values()), None))
    meaning = step.meaning("null" if code is None else str(code).strip())
    if meaning == OK:
        return
    if meaning == REPEATED:
        key = returned.get("central_key")
        raise Repeated(None if key is None else str(key).strip())
    detail = f"{step.where}: return code {code}"
    if meaning == BUSY:
        raise Transient(detail)
    raise Refused(meaning, detail, jsonable(row))


def _returned(step: Step, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    if not step.returns:
        return {}
    values = list(rows[0]) if rows else []
    values += [None] * (len(step.returns) - len(values))
    return dict(zip(step.returns, values, strict=False))
