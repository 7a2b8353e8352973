"""Somebody with SQL at hand: what the guards refuse, and what is found out where the guards were taken off first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from fallback_server.domain.documents import canonical
from fallback_server.domain.modes import Permit
from fallback_server.store import guards
from fallback_server.store.audit import CHAINED, against, head, verify
from fallback_server.store.database import open_engine
from tests.fixtures_hospital import ADMIN, Hospital
from tests.windows.money_cast import charge, good, items


@contextmanager
def sql(hospital: Hospital) -> Iterator[Connection]:
    """A connection of a database administrator, committed at the end."""
    engine = open_engine(hospital.url, pool_size=1)
    with engine.connect() as raw:
        conn = raw.execution_options(yj_write=True)
        with conn.begin():
            yield conn
    engine.dispose()


@contextmanager
def without_guards(hospital: Hospital) -> Iterator[Connection]:
    """The same, with every guard out of the way for as long as it lasts; nothing of that can be seen afterwards."""
    with sql(hospital) as conn:
        if conn.dialect.name == "postgresql":
            conn.execute(text("SET LOCAL session_replication_role = replica"))
            yield conn
            return
        for statement in guards.statements("sqlite"):
            conn.execute(text(f"DROP TRIGGER {statement.split()[2]}"))
        yield conn
        for statement in guards.statements("sqlite"):
            conn.exec_driver_sql(statement)


@pytest.fixture
def worked(yj: Hospital) -> Hospital:
    """A morning with money in it."""
    for _ in range(3):
        good(charge(yj.window("cashier"), items(("F001", 1))))
    return yj


def broken(hospital: Hospital) -> list[str]:
    with hospital.store.reading() as tx:
        return verify(tx.conn)[1] + guards.missing(tx.conn)


# --- the guards -------------------------------------------------------------------------------------------------------


def refused(hospital: Hospital, statement: str) -> None:
    with pytest.raises(DBAPIError, match=r"append-only|never deleted|frozen"), sql(hospital) as conn:
        conn.execute(text(statement))


@pytest.mark.parametrize("table", ["charge", "charge_line", "payment", "audit", "outbox"])
def test_a_plain_statement_removes_nothing(worked: Hospital, table: str) -> None:
    refused(worked, f"DELETE FROM {table}")
    if worked.url.startswith("postgresql"):
        refused(worked, f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize(
    ("table", "change"),
    [("charge", "total = 1"), ("charge_line", "quantity = 9"), ("payment", "amount = 1"), ("audit", "ok = ok"),
     ("outbox", "payload = '{}'"), ("outbox", "amount = 1"), ("receipt_number", "number = number + 1")],
)  # fmt: skip
def test_a_plain_statement_changes_nothing(worked: Hospital, table: str, change: str) -> None:
    refused(worked, f"UPDATE {table} SET {change}")


def test_a_guard_that_was_taken_off_is_missed(worked: Hospital) -> None:
    assert broken(worked) == []
    with sql(worked) as conn:
        if conn.dialect.name == "postgresql":
            conn.execute(text("ALTER TABLE charge DISABLE TRIGGER charge_append_only"))
        else:
            conn.execute(text("DROP TRIGGER charge_no_update"))
    try:
        found = broken(worked)
        assert len(found) == 1 and "guard charge_" in found[0]
    finally:  # the PostgreSQL store is used again by the next test
        with sql(worked) as conn:
            if conn.dialect.name == "postgresql":
                conn.execute(text("ALTER TABLE charge ENABLE TRIGGER charge_append_only"))


DISARMED = {
    "sqlite": {
        "charge_no_update": "CREATE TRIGGER charge_no_update BEFORE UPDATE ON charge WHEN 0"
        " BEGIN SELECT RAISE(ABORT, 'charge is append-only'); END",
    },
    "postgresql": {
        "charge_append_only": "CREATE OR REPLACE TRIGGER charge_append_only BEFORE DELETE OR UPDATE ON charge"
        " FOR EACH ROW WHEN (false) EXECUTE FUNCTION yj_refuse()",
        "yj_frozen_outbox()": "CREATE OR REPLACE FUNCTION yj_frozen_outbox() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NEW; END $$",
    },
}


def test_a_guard_that_guards_nothing_any_more_is_seen(worked: Hospital) -> None:
    dialect = worked.url.partition("+")[0].partition(":")[0]
    with sql(worked) as conn:
        if dialect == "sqlite":
            conn.execute(text("DROP TRIGGER charge_no_update"))
        for statement in DISARMED[dialect].values():
            conn.execute(text(statement))
    try:
        assert broken(worked) == [f"the guard {name} is not the one that was made" for name in DISARMED[dialect]]
    finally:  # the PostgreSQL store is used again by the next test
        with sql(worked) as conn:
            if dialect == "postgresql":
                conn.execute(text("DROP TRIGGER charge_append_only ON charge"))
                for statement in guards.statements(dialect):
                    if " charge_append_only " in statement or " yj_frozen_outbox() RETURNS" in statement:
                        conn.execute(text(statement))


# --- the chain, with the guards out of the way ------------------------------------------------------------------------


def run(statement: str) -> Callable[[Connection], None]:
    return lambda conn: conn.exec_driver_sql(statement) and None


def _rows(conn: Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute(text("SELECT * FROM audit ORDER BY sequence")).mappings()]


def _hashed(conn: Connection, row: dict[str, Any]) -> None:
    """Write a row anew with a text and a hash that fit it."""
    detail = row["detail"] if isinstance(row["detail"], dict) else json.loads(row["detail"])
    row["text"] = canonical({name: detail if name == "detail" else _value(row, name) for name in CHAINED})
    row["hash"] = hashlib.sha256(row["text"].encode()).hexdigest()
    conn.execute(
        text("UPDATE audit SET operator_code = :operator_code, previous_hash = :previous_hash, text = :text,"
             " hash = :hash WHERE sequence = :sequence"),
        {name: row[name] for name in ("operator_code", "previous_hash", "text", "hash", "sequence")},
    )  # fmt: skip


def _value(row: dict[str, Any], name: str) -> Any:
    return bool(row[name]) if name == "ok" else row[name]


def _one_row_hashed_anew(conn: Connection) -> None:
    row = _rows(conn)[1]
    _hashed(conn, {**row, "operator_code": "0999"})


def _reordered(conn: Connection) -> None:
    for step in ("= -1 WHERE sequence = 1", "= 1 WHERE sequence = 2", "= 2 WHERE sequence = -1"):
        conn.execute(text(f"UPDATE audit SET sequence {step}"))


def _inserted(conn: Connection) -> None:
    row = _rows(conn)[0]
    names = ", ".join(name for name in row if name not in ("sequence", "hash"))
    conn.execute(
        text(f"INSERT INTO audit (sequence, hash, {names}) SELECT 9999, '{'f' * 64}', {names} FROM audit"
             " WHERE sequence = 1")
    )  # fmt: skip


TAMPERED: dict[str, Callable[[Connection], None]] = {
    "who": run("UPDATE audit SET operator_code = '0999' WHERE sequence = 2"),
    "when": run("UPDATE audit SET at = '2026-11-23T03:00:00.000+08:00' WHERE sequence = 2"),
    "whether it succeeded": run("UPDATE audit SET ok = NOT ok WHERE sequence = 2"),
    "the text alone": run("UPDATE audit SET text = '{}' WHERE sequence = 2"),
    "the hash alone": run("UPDATE audit SET hash = 'f' WHERE sequence = 2"),
    "a row, with a hash that fits": _one_row_hashed_anew,
    "removed": run("DELETE FROM audit WHERE sequence = 2"),
    "removed at the beginning": run("DELETE FROM audit WHERE sequence = 1"),
    "inserted": _inserted,
    "reordered": _reordered,
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_whoever_gets_past_the_guards_breaks_the_chain(worked: Hospital, tamper: Callable[[Connection], None]) -> None:
    with without_guards(worked) as conn:
        tamper(conn)
    assert broken(worked) != []


def test_a_chain_that_was_forged_from_one_row_on_is_found_by_the_head_on_paper(worked: Hospital) -> None:
    """He who can write everything can hash everything anew: only what left the machine proves that."""
    with worked.store.reading() as tx:
        sequence, printed = head(tx.conn)
    with without_guards(worked) as conn:
        rows = _rows(conn)
        previous = rows[0]["hash"]
        for row in rows[1:]:
            row |= {"previous_hash": previous, "operator_code": "0999"}
            _hashed(conn, row)
            previous = row["hash"]
    assert broken(worked) == []
    with worked.store.reading() as tx:
        assert "written anew" in str(against(tx.conn, sequence, printed[:16]))


def test_a_log_that_was_cut_off_goes_on_and_is_found_by_the_head_on_paper(worked: Hospital) -> None:
    with worked.store.reading() as tx:
        sequence, printed = head(tx.conn)
    with without_guards(worked) as conn:
        conn.execute(text(f"DELETE FROM audit WHERE sequence > {sequence - 3}"))
    for _ in range(5):
        with worked.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            tx.audit("test")
    assert broken(worked) == []
    with worked.store.reading() as tx:
        assert "written anew" in str(against(tx.conn, sequence, printed[:16]))
