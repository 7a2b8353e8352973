"""A store of its own for a rehearsal: the drill's documents as if they were to be returned, under another identity.

Made anew row by row, from either kind of store into an embedded one. The promise of the schema, that a drill's document
is fenced, stays true in the store in use; here it is no drill any more.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import MetaData, Select, Table, select

from fallback_server.domain.clock import Clock
from fallback_server.domain.modes import IncidentState
from fallback_server.domain.outbox import OutboxState
from fallback_server.store import mirror, tables
from fallback_server.store.database import open_engine
from fallback_server.store.mode import incident, installation, mode
from fallback_server.store.outbox import outbox
from fallback_server.store.schema import metadata
from fallback_server.store.session import Store

PAGE: Final = 500
POOL: Final = 4
# What a return neither reads nor needs; most of it would stop one, as it stops a real one.
LEFT_OUT: Final = frozenset({
    "audit", "session", "idempotency", "job", "stop_order", "upload_run", "conflict", "blind_row", "reconciliation",
    "difference", "signature", "recovered", "restored", "backup_run", "alarm", "credential", "password_history",
    "activation_code", "approval_code", "seal", "address_failure", "login_failure", "enrolment_code",
    "workstation_token", "drill", "drill_finding", "drill_rehearsal", "self_test",
})  # fmt: skip
SEEDED: Final = (mode, installation)  # what a fresh store holds: the copy brings its own
OF_THE_MIRROR: Final[tuple[Table, ...]] = (mirror.generation, mirror.dataset_state)


@contextmanager
def opened(store: Store, folder: Path, number: int, identity: str) -> Iterator[Store]:
    """The scratch store of incident `number`, under `identity`; its folder is emptied before and gone afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        url = f"sqlite:///{(folder / 'yj.db').as_posix()}"
        _fill(store, url, number, identity)
        yield from _lent(url, store.clock)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lent(url: str, clock: Clock) -> Iterator[Store]:
    scratch = Store(url, clock, pool_size=POOL)
    try:
        yield scratch
    finally:
        scratch.close()


def _fill(store: Store, url: str, number: int, identity: str) -> None:
    make_tables(url, tables.ALL)
    wanted = [*OF_THE_MIRROR, *(table for table in metadata.sorted_tables if table.name not in LEFT_OUT)]
    copy_rows(
        store,
        url,
        wanted,
        lambda table: _wanted(table, number),
        lambda table, row: _changed(table, row, number, identity),
    )


def make_tables(url: str, parts: Iterable[MetaData]) -> None:
    """The tables of these parts of a store that are not there yet, in the embedded store at `url`."""
    engine = open_engine(url, mirror_writable=True, pool_size=1)
    try:
        with engine.connect() as raw, raw.execution_options(yj_write=True).begin():
            for part in parts:
                part.create_all(raw)
    finally:
        engine.dispose()


def _as_it_is(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return row


def copy_rows(
    store: Store, url: str, wanted: Iterable[Table], rows: Callable[[Table], Select[Any]],
    changed: Callable[[Table, dict[str, Any]], dict[str, Any]] = _as_it_is, *, emptied: Iterable[Table] = SEEDED,
) -> None:  # fmt: skip
    """Rows of `store`, as of one moment, into the embedded store at `url`, whose tables wait for them.

    `emptied`: the tables of which a fresh store holds rows of its own.
    """
    engine = open_engine(url, mirror_writable=True, pool_size=1)
    try:
        with store.reading() as tx, engine.connect() as raw:
            target = raw.execution_options(yj_write=True)
            paged = {"yield_per": PAGE}  # PostgreSQL's driver would bring the whole table at once
            with target.begin():
                # A refund points at its original in the same table, and the rows come in any order: asked about last.
                target.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
                for table in emptied:
                    target.execute(table.delete())
                for table in wanted:
                    for page in tx.conn.execute(rows(table), execution_options=paged).mappings().partitions():
                        target.execute(table.insert(), [changed(table, dict(row)) for row in page])
    finally:
        engine.dispose()


def _wanted(table: Table, number: int) -> Select[Any]:
    """All rows; of the outbox and what hangs on it those of this incident only: others are not to be returned."""
    if table is outbox:
        return select(table).where(table.c.incident_no == number)
    mine = select(outbox.c.yj_id).where(outbox.c.incident_no == number)
    hanging = [key.parent for key in table.foreign_keys if key.column.table is outbox]
    return select(table).where(*(column.in_(mine) for column in hanging))


def _changed(table: Table, row: dict[str, Any], number: int, identity: str) -> dict[str, Any]:
    if table is installation:
        return {**row, "installation_id": identity}
    if table is mode:
        return {**row, "mode": "normal", "incident_no": None, "drill": False, "scope": None, "grace_until": None,
                "hold_until": None}  # fmt: skip
    if row.get("incident_no") != number:
        return row
    return {**row, **_no_drill(table, row)}


def _no_drill(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a document, a book, the incident itself would say if the drill had been an outage that is over."""
    changed: dict[str, Any] = {"drill": False} if "drill" in row else {}
    if table is outbox:
        changed["state"] = OutboxState.PENDING.value
    if table is incident:
        changed |= {"state": IncidentState.CLOSING.value, "closed_at": None}
    if row.get("source") == "drill":
        changed["source"] = "issued"
    return changed
