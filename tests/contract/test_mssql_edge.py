"""The SQL Server edge without a SQL Server: what it says is T-SQL of level 100, and its answers are read right.

`yj central check` against a hospital's own server is the proof that is missing here.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import MagicMock
from zoneinfo import ZoneInfo

import pytest
import sqlglot
from sqlalchemy import Connection, create_engine, event, insert, select, update
from sqlalchemy.dialects import mssql as dialect
from sqlalchemy.engine import make_url
from sqlglot import exp

from sync.central import ledger
from sync.central.dialects import CHANGED, Session, edge_for
from sync.central.edges import mssql
from sync.central.gateway import Transient
from sync.central.level100 import newer
from sync.central.sql_file import parse

EDGE = edge_for("mssql")
SHANGHAI = ZoneInfo("Asia/Shanghai")
STEP = parse("upload/x", "UPDATE t SET a = CAST(:a AS varchar(20)), b = 'x:y' WHERE k = CAST(:k AS int)").steps[0]


class Cursor:
    """A driver's cursor that answers every question with one row of one value, and remembers what it was asked."""

    arraysize = 1
    rowcount = 1

    def __init__(self, asked: list[str], answer: Any) -> None:
        self.asked, self.answer = asked, answer
        self.description: Any = [("got", None, None, None, None, None, None)]
        self.rows: list[tuple[Any, ...]] = []

    def execute(self, sql: str, *_: Any) -> Cursor:
        self.asked.append(sql)
        self.rows = [(self.answer,)]
        return self

    def fetchone(self) -> Any:
        return self.rows.pop() if self.rows else None

    def fetchall(self) -> list[Any]:
        rows, self.rows = self.rows, []
        return rows

    def close(self) -> None: ...

    def nextset(self) -> bool:
        return False


@pytest.fixture
def talk() -> Iterator[Callable[..., tuple[Connection, list[str]]]]:
    """A connection of SQLAlchemy's mssql dialect over a driver that answers everything with `answer`."""
    engines = []

    def make(answer: Any = 0, use: Any = "writing") -> tuple[Connection, list[str]]:
        asked: list[str] = []
        raw = MagicMock()
        raw.cursor = lambda: Cursor(asked, answer)
        driver = MagicMock(paramstyle="qmark", version="5.2.0", Error=Exception)
        session = Session(use, SHANGHAI)
        address = EDGE.address(make_url("mssql+pyodbc://u:p@h/d?driver=x"), session)
        engine = create_engine(address, module=driver, creator=lambda: raw, **EDGE.engine_options(session))
        engine.dialect.initialize = lambda connection: None  # type: ignore[method-assign]
        EDGE.attach(engine, session)
        engines.append(engine)
        return engine.connect(), asked

    yield make
    for engine in engines:
        engine.dispose()


def good(sql: str) -> None:
    """T-SQL that parses and is not newer than level 100. Parameters are question marks by now."""
    if not sql.startswith("SET "):  # session settings are no part of that grammar
        (statement,) = sqlglot.parse(re.sub(r"\?", "NULL", sql), dialect="tsql")
        assert isinstance(statement, (exp.Select, exp.Update, exp.Insert))
    assert newer(sql) == [], sql


def test_all_it_ever_says_is_tsql_of_level_100(talk: Callable[..., tuple[Connection, list[str]]]) -> None:
    connection, asked = talk()
    for use in ("mirror", "questions", "writing"):
        for isolation in ("snapshot", "replica", "pages"):
            EDGE.snapshot(connection, Session(use, SHANGHAI, isolation=isolation))  # type: ignore[arg-type]
    EDGE.lag_seconds(connection)
    EDGE.oldest_running(connection)
    EDGE.row_version_limit(connection)
    EDGE.read_only(connection)
    EDGE.lock(connection, 15)
    EDGE.unlock(connection)
    EDGE.identity(connection)
    EDGE.free_megabytes(connection)
    EDGE.check_constraints_now(connection)
    EDGE.try_statement(connection, STEP, {"a": None, "k": 7})
    EDGE.may_create(connection, ["yj_ledger"])
    for catalogue in (EDGE.columns, EDGE.triggers, EDGE.unique_columns, EDGE.hidden_triggers):
        with contextlib.suppress(ValueError):  # the catalogue has more columns than the answer here
            catalogue(connection, ["sf_zb"])
    with contextlib.suppress(KeyError):
        EDGE.scans(connection, "SELECT 1 AS a WHERE 1 = :a", {"a": 1})
    EDGE.routine(connection, "dbo.p_sf_xz")
    connection.close()
    assert len(asked) >= 30
    for sql in asked:
        good(sql)
    assert not any("NOLOCK" in sql or "REPEATABLE" in sql for sql in asked)


def test_a_document_is_one_level_deeper_so_that_a_stray_commit_keeps_nothing(
    talk: Callable[..., tuple[Connection, list[str]]],
) -> None:
    connection, asked = talk(answer=1)
    EDGE.guard(connection)
    assert EDGE.intact(connection)
    begun, depth, same, ended = asked[-4:]
    assert (begun, depth, ended) == ("BEGIN TRANSACTION", "SELECT @@TRANCOUNT", "COMMIT TRANSACTION")
    good(same)
    assert "APPLOCK_MODE('public', 'his-yj', 'Transaction')" in same
    connection.close()
    connection, asked = talk(answer=0)
    EDGE.guard(connection)
    assert not EDGE.intact(connection) and "COMMIT TRANSACTION" not in asked
    connection.close()


def test_a_session_gives_way_to_the_hospitals_own_work(talk: Callable[..., tuple[Connection, list[str]]]) -> None:
    _, asked = talk()
    assert "SET DEADLOCK_PRIORITY LOW" in asked[0] and "SET LOCK_TIMEOUT 15000" in asked[0]
    assert "SET XACT_ABORT ON" in asked[0] and "SET NOCOUNT OFF" in asked[0]


@pytest.mark.parametrize("use", ["mirror", "questions", "writing"])
def test_every_session_says_so_before_anything_else(
    use: str, talk: Callable[..., tuple[Connection, list[str]]]
) -> None:
    """Also the mirror's pages where there is no snapshot: settings of a session outlive its transactions."""
    connection, asked = talk(use=use)
    EDGE.snapshot(connection, Session("mirror", SHANGHAI, isolation="pages"))
    connection.rollback()  # as between two pages
    connection.exec_driver_sql("SELECT 1")
    connection.close()
    assert "SET LOCK_TIMEOUT 15000" in asked[0] and "SET DEADLOCK_PRIORITY LOW" in asked[0]
    assert "ISOLATION LEVEL READ COMMITTED" in asked[0] and not any("SNAPSHOT" in sql for sql in asked)
    # Nothing takes it back, and nothing of ours reads uncommitted rows.
    later = " ".join(asked[1:]).upper()
    assert not any(word in later for word in ("LOCK_TIMEOUT -1", "DEADLOCK_PRIORITY", "UNCOMMITTED", "NOLOCK"))


@pytest.mark.parametrize(("got", "granted"), [(0, True), (1, True), (-1, False), (-3, False), (-999, False)])
def test_only_a_lock_that_was_granted_counts(
    got: int, granted: bool, talk: Callable[..., tuple[Connection, list[str]]]
) -> None:
    connection, _ = talk(got)
    if granted:
        EDGE.lock(connection, 15)
    else:
        with pytest.raises(Transient, match=f"sp_getapplock {got}"):
            EDGE.lock(connection, 15)
    connection.close()


def test_a_statement_is_tried_without_running_and_without_parameters(
    talk: Callable[..., tuple[Connection, list[str]]],
) -> None:
    connection, asked = talk()
    EDGE.try_statement(connection, STEP, {"a": "张'三", "k": 7})
    assert asked[-3:] == [
        "SET FMTONLY ON",
        "UPDATE t SET a = CAST(N'张''三' AS varchar(20)), b = 'x:y' WHERE k = CAST(7 AS int)",
        "SET FMTONLY OFF",
    ]
    connection.close()


def test_the_mirror_says_that_it_only_reads_and_a_question_does_not() -> None:
    def intent(use: Any, wanted: bool = True) -> Any:
        session = Session(use, SHANGHAI, read_only_intent=wanted)
        return EDGE.engine_options(session)["connect_args"].get("ApplicationIntent")

    assert intent("mirror") == "ReadOnly"
    assert intent("mirror", wanted=False) is None
    # The ledger must never be asked at a copy that may be behind.
    assert intent("questions") is None and intent("writing") is None


def test_scans_are_found_in_a_plan_and_seeks_are_not() -> None:
    plan = [
        ("None", "NULL"),
        ("Nested Loops", "OUTER REFERENCES:([g].[brxh])"),
        ("Clustered Index Scan", "OBJECT:([his].[dbo].[GH_MX].[PK_GH_MX] AS [g]), WHERE:([zt]<>'9')"),
        ("Clustered Index Seek", "OBJECT:([his].[dbo].[BR_DA].[PK_BR_DA]), SEEK:([brxh]=[g].[brxh])"),
        ("Table Scan", "OBJECT:([his].[dbo].[YP_XX])"),
        ("Index Scan", "OBJECT:([his].[dbo].[GH_MX].[IX_RQ])"),
    ]
    assert mssql.scanned(plan) == ["GH_MX", "YP_XX"]


def test_the_count_of_a_statement_is_the_last_one_not_its_triggers() -> None:
    counts = iter([3, 1])
    cursor = MagicMock(description=None, rowcount=7)

    def following() -> bool:
        cursor.rowcount = next(counts, None)
        return cursor.rowcount is not None

    cursor.nextset = following
    engine = create_engine("sqlite://")
    event.listen(engine, "after_cursor_execute", lambda connection, _, *rest: mssql._count_last(connection, cursor))
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        assert connection.info[CHANGED] == 1
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        insert(ledger.ledger),
        select(ledger.ledger).where(ledger.ledger.c.yj_id.in_(["a", "b"])),
        update(ledger.ledger).where(ledger.ledger.c.yj_id == "a").values(central_key="1"),
        insert(ledger.incident),
        select(ledger.incident).where(ledger.incident.c.closed_at.is_(None)),
        update(ledger.incident).values(closed_at=None),
    ],
)
def test_what_the_product_itself_sends_compiles_for_sql_server(statement: Any) -> None:
    compiled = str(statement.compile(dialect=dialect.dialect(), compile_kwargs={"render_postcompile": True}))
    (parsed,) = sqlglot.parse(re.sub(r":(\w+)", r"@\1", compiled), dialect="tsql")
    assert isinstance(parsed, (exp.Insert, exp.Select, exp.Update))
    assert newer(compiled) == []
