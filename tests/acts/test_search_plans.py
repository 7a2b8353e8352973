"""Search as you type never scans: with three million patients each keystroke is a few ranges on indexes."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Connection

from fallback_server.acts import patients
from fallback_server.store import mirror
from fallback_server.store.session import Store

TABLE = mirror.datasets["patient"]


def plan(connection: Connection, sql: str) -> str:
    """The database's plan for a statement, as one text."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the test's tables are too small for an index
        return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {sql}"))
    return "\n".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}"))


@pytest.mark.parametrize(
    "typed", ["王", "W", "WF", "8800001", "P1001", "5678", "13812345678", "110101198503120021", "E1234567"]
)
def test_every_way_to_find_a_patient_uses_an_index(store: Store, typed: str) -> None:
    with store.reading() as tx:
        asked = list(patients._questions(typed))
        assert asked
        for order, condition, _ in asked:
            statement = select(TABLE).where(condition, TABLE.c.active.is_(True)).order_by(order, TABLE.c.patient_no)
            compiled = statement.limit(20).compile(tx.conn, compile_kwargs={"literal_binds": True})
            told = plan(tx.conn, str(compiled).replace("%%", "%"))
            assert "SCAN" not in told and "Seq Scan" not in told, told
            assert "index" in told.lower(), told
