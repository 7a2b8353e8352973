"""What only a real database can show, on every one there is: waits, locks, characters, and errors without values."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest
from sqlalchemy import text

from fallback_server.domain.clock import SystemClock
from sync.central.gateway import Applied, ColumnMissing, Outgoing, Refused, Systemic, Transient, Unreachable
from sync.central.sql_file import MappingError
from sync.central.sql_gateway import open_gateway
from tests.contract.centres import (
    MAPPING_SQLITE,
    QUICK,
    THEM,
    US,
    PostgresCentre,
    RealCentre,
    SqliteCentre,
    WiredCentre,
    charge,
)

OPENED = "2026-11-22T08:00:00.000+08:00"
# Outside the BMP, in extension A, everyday, and those whose low byte a driver once took for half of a pair.
RARE = "𠮷田䶮㛃・张三丰进口四默"


@pytest.fixture
def centre(any_real: RealCentre) -> RealCentre:
    """A real centre at which our incident 1 is registered."""
    any_real.gateway.register_incident(US, 1, 1, OPENED)
    return any_real


def changed(document: Outgoing, **fields: Any) -> Outgoing:
    return replace(document, payload={**document.payload, **fields})


def test_values_reach_the_tables_as_the_mapping_says(centre: RealCentre) -> None:
    centre.gateway.apply(charge(1, receipt_no="A0000017"))
    assert centre.rows("SELECT receipt_no, patient_key, at, kind FROM bill") == [
        ("A0000017", 7, "2026112208:15:32", "门诊:𠮷")
    ]
    assert centre.rows("SELECT code, amount FROM bill_line ORDER BY code") == [("A", 12), ("B", 0)]


def test_a_document_settles_the_centres_row_once(centre: RealCentre) -> None:
    settles = [{"id": "cabc", "origin": "centre", "central_key": "501"}]
    first = centre.gateway.apply(changed(charge(1), prescriptions=settles))
    assert centre.rows("SELECT paid_by FROM rx") == [(int(first.central_key or 0),)]
    with pytest.raises(Refused) as refused:
        centre.gateway.apply(changed(charge(2), prescriptions=settles))
    assert refused.value.code == "prescription_already_paid"
    assert len(centre.arrived()) == 1


def test_a_parent_without_a_key_is_refused_not_written_as_null(centre: RealCentre) -> None:
    with pytest.raises(Refused) as refused:
        centre.gateway.apply(replace(charge(1), keys={}))
    assert refused.value.code == "parent_key_missing"
    assert centre.arrived() == []


def test_a_constraint_of_the_centre_refuses_and_says_no_values(centre: RealCentre) -> None:
    with pytest.raises(Refused) as refused:
        centre.gateway.apply(charge(1, total="7777.77"))
    assert refused.value.code == "constraint_violation"
    assert "upload/charge.sql" in refused.value.detail and "7777" not in refused.value.detail
    assert "bill_line" in refused.value.central.get("table", "") or "constraint" in refused.value.central
    assert refused.value.__cause__ is None and refused.value.__suppress_context__
    assert centre.arrived() == []


def patiently(centre: RealCentre, document: Outgoing) -> Applied:
    """Applied as soon as nobody else holds what it needs: each try waits for a second at most."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return centre.gateway.apply(document)
        except Transient:
            assert time.monotonic() < deadline


def test_an_earlier_attempt_that_is_still_open_makes_the_second_wait_and_then_answers_it(
    centre: RealCentre,
) -> None:
    document = charge(1)
    with centre.direct.connect() as zombie:
        insert = text(
            "INSERT INTO yj_ledger (yj_id, entity, incident_no, installation_id, sequence, payload_hash, central_key,"
            " amount, applied_at) VALUES (:yj_id, 'charge', 1, :us, 1, :hash, '99', 12, :at)"
        )
        row = {"yj_id": document.ledger.yj_id, "us": US, "hash": document.ledger.payload_hash, "at": OPENED}
        zombie.execute(insert, row)
        with pytest.raises(Transient):  # after the lock time-out of one second, not for ever
            centre.gateway.apply(document)
        freed = threading.Timer(0.3, zombie.commit)
        freed.start()
        applied = patiently(centre, document)
        freed.join()
    assert applied.repeated and applied.central_key == "99"
    assert centre.arrived() == []


def test_two_uploaders_at_once_apply_every_document_once(centre: RealCentre) -> None:
    documents = [charge(number) for number in range(1, 11)] * 2
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(centre.gateway.apply, documents))
    assert sorted(centre.arrived()) == sorted({document.ledger.yj_no for document in documents})
    assert sum(answer.repeated for answer in answers) == 10


def test_a_question_cannot_write(centre: RealCentre) -> None:
    with pytest.raises(Systemic):
        centre.gateway.ask("upload/advance_receipt_book", {"operator_code": "C01", "next_no": "120"})
    assert centre.rows("SELECT next_no FROM book") == [(100,)]


def test_a_bind_nobody_gives_is_named_not_null(centre: RealCentre) -> None:
    with pytest.raises(Systemic, match=r"upload/find_charge.sql:1 .*:yj_no"):
        centre.gateway.ask("upload/find_charge", {})


def test_a_column_that_is_gone_is_named(centre: RealCentre) -> None:
    with centre.gateway.snapshot() as snapshot, pytest.raises(ColumnMissing, match="input_code"):
        list(snapshot.rows("diagnosis"))


def test_a_missing_table_stops_everything_not_one_document(centre: RealCentre) -> None:
    with centre.direct.begin() as connection:
        connection.execute(text("DROP TABLE bill_line"))
    with pytest.raises(Systemic):
        centre.gateway.apply(charge(1))
    assert centre.arrived() == []


def test_installations_are_told_apart_by_the_fence(centre: RealCentre) -> None:
    with pytest.raises(Refused) as refused:
        centre.gateway.apply(charge(1, installation=THEM))
    assert refused.value.code == "fenced"


def test_characters_outside_gbk_and_the_bmp_survive_both_ways(centre: RealCentre) -> None:
    department = {"department_code": "𠮷1", "name": RARE, "kind": "outpatient", "location": None, "active": 1}
    centre.set_departments([department])
    with centre.gateway.snapshot() as snapshot:
        (row,) = snapshot.rows("department", {"from_code": ""})
    assert (row["department_code"], row["name"]) == ("𠮷1", RARE)
    document = charge(1)
    line = {"line_no": 1, "item_code": RARE, "amount": "12.00"}
    centre.gateway.apply(changed(document, lines=[line]))
    assert centre.rows("SELECT code FROM bill_line") == [(RARE,)]
    assert centre.rows("SELECT kind FROM bill") == [("门诊:𠮷",)]
    assert centre.gateway.ask("upload/find_charge", {"yj_no": document.ledger.yj_no})


def test_somebody_elses_row_lock_is_waited_for_and_then_counts_as_an_attempt(centre: RealCentre) -> None:
    settles = [{"id": "cabc", "origin": "centre", "central_key": "501"}]
    with centre.direct.connect() as other:
        other.execute(text("UPDATE rx SET paid_by = 1 WHERE nr = 501"))
        begun = time.monotonic()
        with pytest.raises(Transient):
            centre.gateway.apply(changed(charge(1), prescriptions=settles))
        assert 0.9 < time.monotonic() - begun < 30  # not for ever
        other.rollback()
    assert centre.arrived() == []
    centre.gateway.apply(changed(charge(1), prescriptions=settles))


def test_what_another_attempt_committed_while_a_document_waited_is_seen(centre: RealCentre) -> None:
    """The receipt number is looked up after the wait: a snapshot from before it would show it free."""
    edge = centre.gateway.edge
    with centre.direct.connect() as other:
        edge.lock(other, 1)
        other.execute(text("INSERT INTO bill (yj_no, receipt_no, total) VALUES ('', 'A0000018', 1)"))
        with pytest.raises(Transient):  # after the lock time-out of one second
            centre.gateway.apply(charge(1, receipt_no="A0000018"))

        def end() -> None:
            other.commit()
            edge.unlock(other)

        freed = threading.Timer(0.3, end)
        freed.start()
        with pytest.raises(Refused) as refused:
            patiently(centre, charge(1, receipt_no="A0000018"))
        freed.join()
    assert refused.value.code == "receipt_no_used"


def test_preflight_makes_the_ledger_once_and_names_what_the_centre_would_refuse(any_real: RealCentre) -> None:
    any_real.run("DROP TABLE yj_ledger", "DROP TABLE yj_incident")
    report = any_real.gateway.preflight(["charge"])
    assert (list(report.problems), report.facts["ledger"]) == ([], "made now")
    again = any_real.gateway.preflight(["charge"])
    assert (
        again.facts["ledger"] == "present" and again.facts["schema_fingerprint"] == report.facts["schema_fingerprint"]
    )
    assert any_real.rows("SELECT count(*) FROM yj_ledger") == [(0,)]
    if not isinstance(any_real, SqliteCentre):  # it keeps no lengths
        longer = "ALTER TABLE book MODIFY operator varchar(11)"
        if isinstance(any_real, PostgresCentre):
            longer = "ALTER TABLE book ALTER COLUMN operator TYPE varchar(11)"
        any_real.run(longer)
        assert any_real.gateway.preflight(["charge"]).facts["schema_fingerprint"] != again.facts["schema_fingerprint"]
    any_real.run("ALTER TABLE bill_line DROP COLUMN code", "ALTER TABLE book ADD COLUMN extra varchar(5)")
    broken = any_real.gateway.preflight(["charge", "refund"])
    assert any("step line" in problem for problem in broken.problems), broken
    assert any("upload/refund.sql is missing" in problem for problem in broken.problems)
    assert broken.facts["schema_fingerprint"] != report.facts["schema_fingerprint"]


def test_a_lost_wire_in_the_middle_of_a_read_is_unreachable_and_the_next_read_is_whole(mariadb: WiredCentre) -> None:
    mariadb.set_departments([department(number) for number in range(50)])
    with mariadb.gateway.snapshot() as snapshot:
        pages = replace(snapshot, page_rows=10).pages("department", {"from_code": ""})
        assert [len(page) for page in (next(pages), next(pages))] == [10, 10]
        mariadb.go_down()
        with pytest.raises(Unreachable):
            next(pages)
    mariadb.come_back()
    with mariadb.gateway.snapshot() as snapshot:
        assert sum(map(len, replace(snapshot, page_rows=10).pages("department", {"from_code": ""}))) == 50


def department(number: int) -> dict[str, Any]:
    return {"department_code": f"{number:03d}", "name": "内科", "kind": "exam", "location": None, "active": 1}


def test_pages_of_one_snapshot_are_of_one_moment(mariadb: WiredCentre) -> None:
    mariadb.set_departments([department(number) for number in range(20)])
    with mariadb.gateway.snapshot() as snapshot:
        pages = replace(snapshot, page_rows=10).pages("department", {"from_code": ""})
        next(pages)
        mariadb.set_departments([department(number) for number in range(15, 40)])
        assert [row[0] for page in pages for row in page] == [f"{number:03d}" for number in range(10, 20)]


def test_the_application_lock_is_free_after_a_document_and_waited_for_before(mariadb: WiredCentre) -> None:
    mariadb.gateway.register_incident(US, 1, 1, OPENED)
    lock = "concat(database(), '.his-yj')"
    mariadb.gateway.apply(charge(1))
    assert mariadb.rows(f"SELECT is_free_lock({lock})") == [(1,)]
    with mariadb.direct.connect() as other:
        other.execute(text(f"SELECT get_lock({lock}, 1)"))
        with pytest.raises(Transient, match="application lock"):
            mariadb.gateway.apply(charge(2))
        other.execute(text(f"DO release_lock({lock})"))
    mariadb.gateway.apply(charge(2))


def test_columns_of_gbk_take_everyday_text_and_refuse_what_they_cannot_hold(mariadb: WiredCentre) -> None:
    mariadb.run("ALTER TABLE bill_line CONVERT TO CHARACTER SET gbk", "ALTER TABLE dept CONVERT TO CHARACTER SET gbk")
    mariadb.gateway.register_incident(US, 1, 1, OPENED)
    line = {"line_no": 1, "item_code": "进口四默", "amount": "12.00"}
    mariadb.gateway.apply(changed(charge(1), lines=[line]))
    assert mariadb.rows("SELECT code FROM bill_line") == [("进口四默",)]
    with pytest.raises(Refused) as refused:
        mariadb.gateway.apply(changed(charge(2), lines=[{**line, "item_code": "𠮷"}]))
    # By the catalogue, before anything is sent.
    assert refused.value.code == "text_not_kept" and refused.value.central["column"] == "item_code"
    mariadb.set_departments([{**department(1), "name": "进口四默"}])
    with mariadb.gateway.snapshot() as snapshot:
        assert [row["name"] for row in snapshot.rows("department", {"from_code": ""})] == ["进口四默"]


def test_a_session_killed_while_it_waits_leaves_nothing_and_does_not_count(mariadb: WiredCentre) -> None:
    mariadb.gateway.register_incident(US, 1, 1, OPENED)
    settles = [{"id": "cabc", "origin": "centre", "central_key": "501"}]
    with mariadb.direct.connect() as blocker:
        blocker.execute(text("UPDATE rx SET paid_by = 1 WHERE nr = 501"))

        def kill() -> None:
            with mariadb.direct.connect() as connection:
                waiting = connection.execute(
                    text("SELECT trx_mysql_thread_id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
                ).scalar()
                connection.execute(text(f"KILL {int(waiting or 0)}"))

        threading.Timer(0.4, kill).start()
        with pytest.raises(Unreachable):
            mariadb.gateway.apply(changed(charge(1), prescriptions=settles))
        blocker.rollback()
    assert mariadb.arrived() == []
    mariadb.gateway.apply(charge(1))


def test_a_file_that_is_not_there_is_an_outage_and_is_not_made(sqlite: SqliteCentre) -> None:
    sqlite.go_down()
    with pytest.raises(Unreachable):
        sqlite.gateway.probe()
    assert not sqlite.file.exists()
    sqlite.come_back()


def test_the_mirror_may_read_at_a_copy_but_the_ledger_is_asked_at_the_centre(
    sqlite: SqliteCentre, tmp_path: Path
) -> None:
    sqlite.gateway.register_incident(US, 1, 1, OPENED)
    sqlite.direct.dispose()
    copy = tmp_path / "copy.sqlite"
    with closing(connect(sqlite.file)) as here, closing(connect(copy)) as there:
        here.backup(there)
        there.execute("INSERT INTO dept VALUES ('99', '只在副本', 'exam', NULL, 1)")
        there.commit()
    gateway = open_gateway(
        f"sqlite:///{sqlite.file}", MAPPING_SQLITE, SystemClock(), read_url=f"sqlite:///{copy}", timeouts=QUICK
    )
    with gateway.snapshot() as snapshot:
        assert [row["department_code"] for row in snapshot.rows("department", {"from_code": ""})] == ["99"]
    gateway.apply(charge(1))
    assert gateway.ledger_head(US) == 1 and len(sqlite.arrived()) == 1
    gateway.close()
    with pytest.raises(MappingError, match="does not fit"):
        open_gateway(f"sqlite:///{copy}", MAPPING_SQLITE, SystemClock(), read_url="postgresql+psycopg2://h/d")
