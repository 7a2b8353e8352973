"""What each kind of database tells of itself: triggers, unique columns, procedures, on the real thing."""

from __future__ import annotations

import pytest

from fallback_server.domain.clock import SystemClock
from sync.central.preflight import unknown_triggers
from sync.central.routines import called, ending
from sync.central.sql_gateway import open_gateway
from tests.contract.centres import MAPPING_MARIADB, QUICK, MariadbCentre, PostgresCentre, RealCentre
from tests.fixtures_mariadb import MariadbServer

_TRIGGERS = {
    PostgresCentre: (
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER bill_sms AFTER INSERT ON bill EXECUTE FUNCTION f()",
        "CREATE TRIGGER bill_known AFTER INSERT ON bill EXECUTE FUNCTION f()",
    ),
    MariadbCentre: (
        "CREATE TRIGGER bill_sms AFTER INSERT ON bill FOR EACH ROW SET @x = 1",
        "CREATE TRIGGER bill_known AFTER INSERT ON bill FOR EACH ROW SET @x = 1",
    ),
}
_OTHERS = (
    "CREATE TRIGGER bill_sms AFTER INSERT ON bill BEGIN SELECT 1; END",
    "CREATE TRIGGER bill_known AFTER INSERT ON bill BEGIN SELECT 1; END",
)


def test_an_unknown_trigger_on_a_touched_table_stops_the_return_on_every_database(any_real: RealCentre) -> None:
    with any_real.direct.begin() as connection:
        for statement in _TRIGGERS.get(type(any_real), _OTHERS):
            connection.exec_driver_sql(statement)
    report = any_real.gateway.preflight(["charge"])
    assert [one for one in report.problems if "trigger" in one] and report.facts["unknown_triggers"] == "bill.bill_sms"
    assert report.facts["hidden_triggers"] == ""


def test_a_column_is_unique_only_by_itself(any_real: RealCentre) -> None:
    any_real.run(
        "CREATE UNIQUE INDEX ux_one ON bill (yj_no)",
        "CREATE UNIQUE INDEX ux_two ON bill (receipt_no, kind)",
        "CREATE INDEX ix ON bill (total)",
    )
    with any_real.gateway.reading() as connection:
        found = any_real.gateway.edge.unique_columns(connection, ["BILL", "bill_line"])
    assert "bill.yj_no" in found and not found & {"bill.receipt_no", "bill.kind", "bill.total", "bill_line.bill"}


@pytest.mark.odbc
def test_an_account_that_may_only_insert_is_shown_the_triggers_of_the_table(
    mariadb: RealCentre, mariadb_server: MariadbServer
) -> None:
    database = str(mariadb.rows("SELECT database()")[0][0])
    mariadb.run("CREATE TRIGGER bill_sms AFTER INSERT ON bill FOR EACH ROW SET @x = 1")
    mariadb_server.admin(
        f"CREATE USER 'i_{database}'@'127.0.0.1' IDENTIFIED BY 'inserts';"
        f" GRANT INSERT ON {database}.bill TO 'i_{database}'@'127.0.0.1'"
    )
    address = mariadb_server.odbc(database, user=f"i_{database}", password="inserts")
    gateway = open_gateway(address, MAPPING_MARIADB, SystemClock(), timeouts=QUICK)
    assert unknown_triggers(gateway) == ["bill.bill_sms"]
    gateway.close()


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("CALL p_sf_xz(:a, NULL)", "p_sf_xz"),
        ("EXEC @rc = dbo.[p_sf_xz] @a = :a", "dbo.p_sf_xz"),
        ("execute p :a", "p"),
        ("SET NOCOUNT ON DECLARE @rc int, @key int\nEXEC @rc = p_sf_xz @sfxh = @key OUTPUT SELECT @rc", "p_sf_xz"),
        ("DECLARE @rc int; EXEC @rc = p :a; SELECT @rc AS code", "p"),
        ("UPDATE t SET executed = 1", None),
        ("SELECT p(:a)", None),
        ("INSERT INTO calls (a) VALUES (:a)", None),
    ],
)
def test_a_call_is_known_by_its_first_words(sql: str, name: str | None) -> None:
    assert called(sql) == name


@pytest.mark.parametrize(
    ("source", "ddl", "words"),
    [
        ("BEGIN INSERT INTO t VALUES (1); COMMIT; END", False, "COMMIT"),
        ("BEGIN IF a THEN ROLLBACK; END IF; END", False, "ROLLBACK"),
        ("BEGIN -- COMMIT;\n SELECT 'COMMIT; x'; ROLLBACK TO SAVEPOINT s; END", True, None),
        ("BEGIN CREATE TEMPORARY TABLE t (n int); END", True, None),
        ("BEGIN DROP TABLE t; END", True, "DROP TABLE"),
        ("BEGIN DROP TABLE t; END", False, None),
        ("BEGIN UPDATE t SET commit_no = 1; SET commits = 2; END", True, None),
        ("BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; END; END", True, "ROLLBACK"),
        ("BEGIN START TRANSACTION; END", True, "START TRANSACTION"),
    ],
)
def test_what_ends_a_transaction_is_read_in_the_source(source: str, ddl: bool, words: str | None) -> None:
    assert ending(source, ddl=ddl) == words
