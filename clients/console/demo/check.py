"""The independent check: what the windows were told, against the outbox and against the centre's own tables.

Nothing of the uploader or of the reconciliation is used: the centre is read by its own table names, through a
connection of the check's own. That is the point of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from clients.console.demo.journal import Journal

# Where one row of the centre is the document itself; our number stands in its YJLSH.
ROWS = {
    "patient": "br_da",
    "registration": "gh_mx",
    "prescription": "cf_zb",
    "order": "yj_sq",
    "charge": "sf_zb",
    "refund": "sf_zb",
}
MONEY = ("charge", "refund")


@dataclass
class Verdict:
    """`problems` empty: every document is accounted for. `centre_total` is the centre's own sum of YJ rows."""

    documents: int = 0
    settled: int = 0
    linked: int = 0
    centre_total: Decimal = Decimal("0.00")
    problems: list[str] = field(default_factory=list)


def outbox_rows(database_url: str, clock: Any) -> dict[str, dict[str, Any]]:
    """The standby's outbox by identity."""
    from sqlalchemy import select

    from fallback_server.store.outbox import outbox
    from fallback_server.store.session import Store

    store = Store(database_url, clock, pool_size=1)
    try:
        columns = [
            outbox.c[name] for name in ("yj_id", "entity", "state", "yj_no", "amount", "central_key", "sequence")
        ]
        with store.reading() as tx:
            return {row["yj_id"]: dict(row) for row in tx.conn.execute(select(*columns)).mappings()}
    finally:
        store.close()


def check(journal: Journal, outbox: Mapping[str, Mapping[str, Any]], centre_url: str) -> Verdict:
    """Every acknowledged document confirmed or settled, and at the centre exactly once; nothing else of ours there."""
    from sqlalchemy import create_engine

    verdict = Verdict(documents=len(journal.documents))
    verdict.problems += _against_outbox(journal, outbox)
    engine = create_engine(centre_url)
    try:
        with engine.connect() as connection:
            ledger = _ledger(connection)
            verdict.problems += _against_ledger(outbox, ledger)
            for entity in ROWS:
                verdict.problems += _against_table(connection, entity, outbox, ledger, verdict)
            verdict.problems += _marks_without_document(connection, outbox)
    finally:
        engine.dispose()
    verdict.settled = sum(row["state"] == "settled" for row in outbox.values())
    return verdict


def _against_outbox(journal: Journal, outbox: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    known = journal.documents
    for yj_id, document in known.items():
        row = outbox.get(yj_id)
        if row is None:
            yield f"{document.entity} {yj_id} was acknowledged to a window and is not in the outbox"
        elif row["entity"] != document.entity:
            yield f"{yj_id} was acknowledged as {document.entity}, the outbox says {row['entity']}"
        elif row["state"] not in ("confirmed", "settled"):
            yield f"{document.entity} {row['yj_no']} is {row['state']}"
        elif document.entity in MONEY and Decimal(row["amount"]) != document.amount:
            told = f"the window was told {document.amount}, the outbox says {row['amount']}"
            yield f"{document.entity} {row['yj_no']}: {told}"
    for yj_id, row in outbox.items():
        if yj_id not in known:
            yield f"{row['entity']} {row['yj_no']} is in the outbox, but no window was told of it"
    if sorted(row["sequence"] for row in outbox.values()) != list(range(1, len(outbox) + 1)):
        yield "the sequence numbers of the documents have a gap or a double"


def _against_ledger(outbox: Mapping[str, Mapping[str, Any]], ledger: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for yj_id, row in outbox.items():
        there = ledger.get(yj_id)
        if row["state"] == "confirmed" and there is None:
            yield f"{row['entity']} {row['yj_no']} is confirmed, but the centre's ledger does not have it"
        elif row["state"] == "settled" and there is not None:
            yield f"{row['entity']} {row['yj_no']} is settled otherwise, but the centre's ledger has it"
        elif there is not None and Decimal(there["amount"]) != Decimal(row["amount"]):
            yield f"{row['entity']} {row['yj_no']}: {row['amount']} here, {there['amount']} in the ledger"
    for yj_id in ledger.keys() - outbox.keys():
        yield f"the centre's ledger has {yj_id}, which the standby does not know"


def _against_table(
    connection: Any,
    entity: str,
    outbox: Mapping[str, Mapping[str, Any]],
    ledger: Mapping[str, Mapping[str, Any]],
    verdict: Verdict,
) -> list[str]:
    table = ROWS[entity]
    found = _own_rows(connection, entity)
    problems = []
    for yj_id, document in outbox.items():
        if document["entity"] != entity:
            continue
        row = found.get(document["yj_no"])
        # A linked patient has a ledger row and no business row of ours: the person was there already.
        if row is None and document["state"] == "confirmed":
            if entity == "patient" and yj_id in ledger:
                verdict.linked += 1
            else:
                problems.append(f"{entity} {document['yj_no']} is confirmed, but {table} does not have it")
        elif row is not None and row["n"] != 1:
            problems.append(f"{entity} {document['yj_no']} is {row['n']} times in {table}")
        elif row is not None and document["state"] != "confirmed":
            problems.append(f"{entity} {document['yj_no']} is {document['state']}, yet {table} has it")
        elif row is not None and entity in MONEY and Decimal(row["total"]) != Decimal(document["amount"]):
            problems.append(f"{entity} {document['yj_no']}: {document['amount']} here, {row['total']} at the centre")
    if entity in MONEY:
        verdict.centre_total += sum((Decimal(row["total"]) for row in found.values()), Decimal("0.00"))
    return problems


def _own_rows(connection: Any, entity: str) -> dict[str, dict[str, Any]]:
    """The centre's rows with our mark, by our number: how many, and what they sum up to."""
    from sqlalchemy import func, select

    from sync.reference_his import schema

    table = schema.metadata.tables[ROWS[entity]]
    columns = [table.c.yjlsh.label("yj_no"), func.count().label("n")]
    statement = select(*columns).where(table.c.yjbz == "1").group_by(table.c.yjlsh)
    if entity in MONEY:
        original = table.c.tfxh
        statement = statement.add_columns(func.sum(table.c.zje).label("total"))
        statement = statement.where(original.is_(None) if entity == "charge" else original.is_not(None))
    return {str(row["yj_no"]).strip(): dict(row) for row in connection.execute(statement).mappings()}


def _marks_without_document(connection: Any, outbox: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    numbers = {row["yj_no"] for row in outbox.values()}
    for entity, table in ROWS.items():
        for number in _own_rows(connection, entity).keys() - numbers:
            yield f"{table} has a YJ row {number} that the standby does not know"


def _ledger(connection: Any) -> dict[str, dict[str, Any]]:
    from sqlalchemy import text

    rows = connection.execute(text("SELECT yj_id, entity, amount, central_key, yj_no FROM yj_ledger")).mappings()
    return {row["yj_id"].strip(): dict(row) for row in rows}
