"""The dry run: each kind of document inside a central transaction that is rolled back. Nothing changes anywhere."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from fallback_server.domain.outbox import OutboxState
from fallback_server.store.conflicts import kind_of
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Store
from sync.central.gateway import (
    CentralError,
    CentralGateway,
    OutcomeUnknown,
    Refused,
    Systemic,
    TransactionEnded,
    Unreachable,
)
from sync.upload import patients, work
from sync.upload.report import UploadReport

PER_ENTITY = 3


def rehearse(
    store: Store, gateway: CentralGateway, installation_id: str, incident_no: int, report: UploadReport
) -> None:
    """Try up to PER_ENTITY documents of each kind whose parents are at the centre; the rest is counted as waiting.

    Each entry of `rehearsed` is {entity, tried, ok, waiting, refused: [{yj_no, code, title, title_en, detail}]}.
    """
    report.rehearsed += _rehearsed(store, gateway, installation_id, incident_no, PER_ENTITY)
    report.finish("done", "rehearsed")


def rehearse_each(
    store: Store, gateway: CentralGateway, installation_id: str, incident_no: int
) -> list[dict[str, Any]]:  # fmt: skip
    """The same with one document of each kind, before a run writes anything. What the centre refuses is only told here:
    the document itself goes to a person when it is sent. Raises what stops a run; nothing was written then."""
    return _rehearsed(store, gateway, installation_id, incident_no, 1)


def _rehearsed(
    store: Store, gateway: CentralGateway, installation_id: str, incident_no: int, most: int
) -> list[dict[str, Any]]:  # fmt: skip
    with store.reading() as tx:
        counted = _pending(tx.conn, incident_no)
        ready = {entity: work.ready_of(tx.conn, incident_no, entity, most) for entity in counted}
    entries = []
    for entity, waiting in counted.items():
        entry: dict[str, Any] = {"entity": entity, "tried": 0, "ok": True, "refused": []}
        for yj_id in ready[entity]:
            entry["tried"] += 1
            refused = _try(store, gateway, installation_id, yj_id)
            entry["refused"] += [refused] if refused else []
        entry["ok"] = not entry["refused"]
        entry["waiting"] = waiting - entry["tried"]
        entries.append(entry)
    return entries


def _pending(conn: Connection, incident_no: int) -> dict[str, int]:
    rows = conn.execute(
        select(outbox.c.entity, func.count().label("n"))
        .where(outbox.c.incident_no == incident_no, outbox.c.state == OutboxState.PENDING.value)
        .group_by(outbox.c.entity)
        .order_by(func.min(outbox.c.rank), outbox.c.entity)
    )
    return {row.entity: row.n for row in rows}


def _try(store: Store, gateway: CentralGateway, installation_id: str, yj_id: str) -> dict[str, Any] | None:
    """None if the centre would take it. What stops the whole run is raised on."""
    with store.reading() as tx:
        ((item, ready),) = work.prepare(tx.conn, work.load(tx.conn, [yj_id]), installation_id)
    try:
        if isinstance(ready, CentralError):
            raise ready
        if item.entity == "patient" and patients.match(gateway, ready.payload) is not None:
            return None
        gateway.apply(ready, rehearse=True)
    except (Unreachable, OutcomeUnknown, Systemic, TransactionEnded):
        raise
    except CentralError as error:
        code = error.code if isinstance(error, Refused) else type(error).__name__.lower()
        kind = kind_of(code)
        return {
            "yj_no": item.row["yj_no"], "code": code, "title": kind.zh, "title_en": kind.en,
            "detail": error.detail[:300],
        }  # fmt: skip
    return None
