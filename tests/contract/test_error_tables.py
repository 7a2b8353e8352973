"""What an error of each driver means for a document, as tables: by SQLSTATE, by the server's number, by name."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from sync.central.dialects import Phase, edge_for
from sync.central.edges import mariadb, mssql, sqlite
from sync.central.gateway import CentralError, OutcomeUnknown, Refused, Systemic, Transient, Unreachable
from sync.central.sql_file import MappingError

Meaning = type[CentralError] | str
MARIADB = "[ma-3.1.15][10.11.19-MariaDB]"
MICROSOFT = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"


def error(sqlstate: str, words: str) -> DBAPIError:
    """As SQLAlchemy hands on an error of pyodbc."""
    return DBAPIError("INSERT …", {"secret": "张三"}, Exception(sqlstate, f"[{sqlstate}] {words}"))


@pytest.mark.parametrize(
    ("sqlstate", "number", "phase", "lost", "meaning"),
    [
        ("08S01", 2006, Phase.STATEMENT, True, Unreachable),
        ("HY000", 5014, Phase.STATEMENT, True, Unreachable),
        ("HY000", 2002, Phase.CONNECT, True, Unreachable),
        ("08S01", 2013, Phase.COMMIT, True, OutcomeUnknown),
        ("HY000", 1205, Phase.COMMIT, False, Transient),
        ("HY000", 1205, Phase.COMMIT, True, OutcomeUnknown),
        ("HY000", 1030, Phase.COMMIT, False, OutcomeUnknown),
        (None, None, Phase.COMMIT, False, OutcomeUnknown),
        ("HY000", 1205, Phase.STATEMENT, False, Transient),
        ("40001", 1213, Phase.STATEMENT, False, Transient),
        ("70100", 1317, Phase.STATEMENT, False, Transient),
        ("HY018", 1969, Phase.STATEMENT, False, Transient),
        ("08004", 1040, Phase.CONNECT, False, Transient),
        ("23000", 1062, Phase.STATEMENT, False, "constraint_violation"),
        ("23000", 1452, Phase.STATEMENT, False, "constraint_violation"),
        ("23000", 4025, Phase.STATEMENT, False, "constraint_violation"),
        ("HY000", 1364, Phase.STATEMENT, False, "constraint_violation"),
        ("22001", 1406, Phase.STATEMENT, False, "value_not_accepted"),
        ("22007", 1366, Phase.STATEMENT, False, "value_not_accepted"),
        ("22003", 1264, Phase.STATEMENT, False, "value_not_accepted"),
        ("45000", 1644, Phase.STATEMENT, False, "refused_by_centre"),
        ("42S02", 1146, Phase.STATEMENT, False, Systemic),
        ("42S22", 1054, Phase.STATEMENT, False, Systemic),
        ("42000", 1142, Phase.STATEMENT, False, Systemic),
        ("28000", 1045, Phase.CONNECT, False, Systemic),
        ("42000", 1049, Phase.CONNECT, False, Systemic),
        ("25006", 1792, Phase.STATEMENT, False, Systemic),
        ("HY000", 1290, Phase.STATEMENT, False, Systemic),
        ("HY000", 1114, Phase.STATEMENT, False, Systemic),
        ("IM002", 0, Phase.CONNECT, False, Systemic),
        ("HY000", 9999, Phase.STATEMENT, False, "central_error"),
    ],
)
def test_mariadb(sqlstate: str | None, number: int | None, phase: Phase, lost: bool, meaning: Meaning) -> None:
    assert mariadb.meaning_of(sqlstate, number, phase, lost=lost) == meaning


@pytest.mark.parametrize(
    ("sqlstate", "number", "phase", "lost", "meaning"),
    [
        ("08S01", 10054, Phase.STATEMENT, True, Unreachable),
        ("08S01", 10054, Phase.COMMIT, True, OutcomeUnknown),
        ("HYT01", 0, Phase.CONNECT, True, Unreachable),
        ("HYT00", 0, Phase.STATEMENT, False, Transient),
        ("HYT00", 0, Phase.COMMIT, False, OutcomeUnknown),
        ("40001", 1205, Phase.STATEMENT, False, Transient),
        ("40001", 1205, Phase.COMMIT, False, Transient),
        ("HY000", 1222, Phase.STATEMENT, False, Transient),
        ("42000", 3960, Phase.STATEMENT, False, Transient),
        ("23000", 2627, Phase.STATEMENT, False, "constraint_violation"),
        ("23000", 2601, Phase.STATEMENT, False, "constraint_violation"),
        ("23000", 547, Phase.STATEMENT, False, "constraint_violation"),
        ("23000", 515, Phase.STATEMENT, False, "constraint_violation"),
        ("22001", 8152, Phase.STATEMENT, False, "value_not_accepted"),
        ("42000", 2628, Phase.STATEMENT, False, "value_not_accepted"),
        ("22018", 245, Phase.STATEMENT, False, "value_not_accepted"),
        ("22007", 241, Phase.STATEMENT, False, "value_not_accepted"),
        ("42000", 50000, Phase.STATEMENT, False, "refused_by_centre"),
        ("42000", 3609, Phase.STATEMENT, False, "refused_by_centre"),
        ("42S02", 208, Phase.STATEMENT, False, Systemic),
        ("42S22", 207, Phase.STATEMENT, False, Systemic),
        ("42000", 229, Phase.STATEMENT, False, Systemic),
        ("28000", 18456, Phase.CONNECT, False, Systemic),
        ("08001", 18456, Phase.CONNECT, True, Systemic),
        ("42000", 9002, Phase.STATEMENT, False, Systemic),
        ("25000", 3906, Phase.STATEMENT, False, Systemic),
        ("42000", 3952, Phase.STATEMENT, False, Systemic),
        ("HY000", 20003, Phase.STATEMENT, True, Unreachable),
        ("HY000", 7, Phase.STATEMENT, False, "central_error"),
    ],
)
def test_sql_server(sqlstate: str, number: int, phase: Phase, lost: bool, meaning: Meaning) -> None:
    assert mssql.meaning_of(sqlstate, number, phase, lost=lost) == meaning


@pytest.mark.parametrize(
    ("name", "phase", "meaning"),
    [
        ("SQLITE_BUSY", Phase.STATEMENT, Transient),
        ("SQLITE_BUSY_SNAPSHOT", Phase.COMMIT, Transient),
        ("SQLITE_IOERR", Phase.COMMIT, OutcomeUnknown),
        ("SQLITE_CONSTRAINT_FOREIGNKEY", Phase.COMMIT, "constraint_violation"),
        ("SQLITE_CONSTRAINT_TRIGGER", Phase.STATEMENT, "refused_by_centre"),
        ("SQLITE_CONSTRAINT_UNIQUE", Phase.STATEMENT, "constraint_violation"),
        ("SQLITE_CANTOPEN", Phase.CONNECT, Unreachable),
        ("SQLITE_IOERR_READ", Phase.STATEMENT, Unreachable),
        ("SQLITE_ERROR", Phase.STATEMENT, Systemic),
        ("SQLITE_READONLY", Phase.STATEMENT, Systemic),
        ("SQLITE_FULL", Phase.STATEMENT, Systemic),
        ("", Phase.CONNECT, Unreachable),
        ("", Phase.STATEMENT, "central_error"),
    ],
)
def test_sqlite(name: str, phase: Phase, meaning: Meaning) -> None:
    assert sqlite.meaning_of(name, phase) == meaning


@pytest.mark.parametrize(
    ("dialect", "sqlstate", "words", "code", "central"),
    [
        (
            "mariadb", "23000", f"{MARIADB}Duplicate entry '张三-1101' for key 'uq_name' (1062) (SQLExecDirectW)",
            "constraint_violation", {"constraint": "uq_name", "sqlstate": "23000", "number": "1062"},
        ),
        (
            "mariadb", "22007",
            f"{MARIADB}Incorrect datetime value: '张三' for column `his`.`br_da`.`csny` at row 1 (1292) (SQLExecW)",
            "value_not_accepted", {"column": "his.br_da.csny", "sqlstate": "22007", "number": "1292"},
        ),
        (
            "mssql", "23000",
            f"{MICROSOFT}Violation of UNIQUE KEY constraint 'UQ_BR'. Cannot insert duplicate key in object 'dbo.BR_DA'."
            " The duplicate key value is (张三). (2627) (SQLExecDirectW); [23000] The statement has been ended. (3621)",
            "constraint_violation",
            {"constraint": "UQ_BR", "table": "dbo.BR_DA", "sqlstate": "23000", "number": "2627"},
        ),
        (
            "mssql", "22018",
            f"{MICROSOFT}Conversion failed when converting the varchar value '张三' to data type int. (245) (SQLExec)",
            "value_not_accepted", {"sqlstate": "22018", "number": "245"},
        ),
        (
            "mssql", "42000", f"{MICROSOFT}病人张三已出院 (50000) (SQLExecDirectW)",
            "refused_by_centre", {"sqlstate": "42000", "number": "50000"},
        ),
    ],
)  # fmt: skip
def test_no_value_of_a_patient_leaves_with_an_error(
    dialect: str, sqlstate: str, words: str, code: str, central: dict[str, Any]
) -> None:
    made = edge_for(dialect).classify(error(sqlstate, words), Phase.STATEMENT, "upload/x.sql:1 step a")
    assert isinstance(made, Refused) and (made.code, made.central) == (code, central)
    assert "张三" not in made.detail and "upload/x.sql:1" in made.detail


def test_it_gets_the_servers_words_where_they_hold_no_values() -> None:
    made = edge_for("mssql").classify(
        error("42S02", f"{MICROSOFT}Invalid object name 'YP_XX'. (208) (SQLExecDirectW)"), Phase.STATEMENT, "mirror"
    )
    assert isinstance(made, Systemic) and made.detail == "mirror: 42S02 208 Invalid object name 'YP_XX'."
    off = edge_for("mssql").classify(
        error("42000", f"{MICROSOFT}Snapshot isolation transaction failed. (3952) (SQLExecDirectW)"),
        Phase.STATEMENT,
        "snapshot",
    )
    assert "ALLOW_SNAPSHOT_ISOLATION" in off.detail


@pytest.mark.parametrize(
    ("dialect", "words", "duplicate"),
    [
        ("mariadb", "Duplicate entry 'x' for key 'PRIMARY' (1062) (SQLExecDirectW)", True),
        ("mariadb", "a foreign key constraint fails (1452) (SQLExecDirectW)", False),
        ("mssql", "Violation of PRIMARY KEY (2627) (SQLExecDirectW)", True),
        ("mssql", "Cannot insert duplicate key row (2601) (SQLExecDirectW)", True),
        ("mssql", "conflicted with the FOREIGN KEY constraint (547) (SQLExecDirectW)", False),
    ],
)
def test_a_unique_index_is_told_from_other_constraints(dialect: str, words: str, duplicate: bool) -> None:
    assert edge_for(dialect).is_duplicate(error("23000", words)) is duplicate


def test_sqlite_names_table_and_column() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a PRIMARY KEY)")
    connection.execute("INSERT INTO t VALUES ('张三')")
    with pytest.raises(sqlite3.IntegrityError) as raised:
        connection.execute("INSERT INTO t VALUES ('张三')")
    connection.close()
    wrapped = DBAPIError("INSERT", {}, raised.value)
    made = edge_for("sqlite").classify(wrapped, Phase.STATEMENT, "upload/x.sql")
    assert isinstance(made, Refused) and made.central["table"] == "t" and made.central["column"] == "a"
    assert "张三" not in made.detail and edge_for("sqlite").is_duplicate(wrapped)


def test_a_dialect_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(MappingError, match=r"'oracle'.*postgresql, mysql, mariadb, sqlite, mssql"):
        edge_for("oracle")
