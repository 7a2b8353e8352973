"""The T-SQL mapping without a SQL Server: every file is parsed, compared with the dataset, held to compatibility level
100, and its meaning is tried by running it, turned into SQLite's SQL, beside SQLite's own mapping."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlalchemy import text
from sqlglot import exp

from fallback_server.domain.datasets import DATASETS
from sync.central.level100 import newer
from sync.central.mapping import CentralMapping, load
from sync.central.sql_file import Step
from tests.reference_his.conftest import MAPPINGS, Clinic, query

TSQL = MAPPINGS / "reference-mssql"
BINDS = {"now_at": "2026-11-22T10:30:00+08:00", "horizon_from": "2026-11-20T00:00:00+08:00",
         "since": "2026-11-21T00:00:00+08:00", "until": "2026-11-23T00:00:00+08:00",
         "key": "1", "entity": "charge"}  # fmt: skip
# FOR XML PATH gathers rows into a text at level 100; no other database has it.
XML = {"mirror/operator", "mirror/operator.operator", "upload/prescription.diagnoses"}
_BIND = re.compile(r"(?<![:\w\\]):(\w+)")


@cache
def mapping() -> CentralMapping:
    return load(TSQL)


def steps() -> Iterator[tuple[str, Step]]:
    for name, file in mapping().files.items():
        for step in file.steps:
            yield f"{name}.{step.name}", step


STEPS = dict(steps())
READS = [name for name in mapping().files if name.startswith(("mirror/", "verify/", "blind_window/"))]


def variants(step: Step) -> list[str]:
    """A statement with and without the lines that count only sometimes."""
    return [sql for sql in (step.sql, step.changed, step.paged, step.changed_paged) if sql is not None]


def tree(sql: str) -> exp.Expression:
    """The one statement of a step, understood."""
    (parsed,) = sqlglot.parse(_BIND.sub(r"@\1", sql).replace("\\:", ":"), dialect="tsql")
    assert parsed is not None
    return parsed


@pytest.mark.parametrize("name", STEPS)
def test_every_statement_is_tsql_of_level_100(name: str) -> None:
    for sql in variants(STEPS[name]):
        parsed = tree(sql)
        assert not isinstance(parsed, exp.Command), sql
        assert newer(sql) == []


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_select_gives_the_columns_of_its_dataset_in_their_order(dataset: str) -> None:
    step = mapping().files[f"mirror/{dataset}"].steps[-1]
    watermark = mapping().dataset_options(dataset).watermark
    for sql in variants(step):
        given = tuple(tree(sql).named_selects)
        optional = getattr(DATASETS[dataset], "optional", ())
        names = (*DATASETS[dataset].names, *((watermark,) if watermark else ()))
        assert given == tuple(name for name in names if name in given or name not in optional)


@pytest.mark.parametrize("name", READS)
def test_a_question_gives_the_columns_that_sqlites_gives(name: str) -> None:
    other = load(MAPPINGS / "reference-sqlite").files[name].steps[-1].sql
    (parsed,) = sqlglot.parse(_BIND.sub(r"@\1", other).replace("\\:", ":"), dialect="sqlite")
    assert parsed is not None
    assert tree(mapping().files[name].steps[-1].sql).named_selects == parsed.named_selects


@pytest.mark.parametrize("name", STEPS)
def test_binds_are_cast_to_the_columns_type_so_that_indexes_serve(name: str) -> None:
    """A bare bind arrives as nvarchar and is compared with a varchar column by converting the whole column."""
    for sql in variants(STEPS[name]):
        for bind in tree(sql).find_all(exp.Parameter):
            if not isinstance(bind.find_ancestor(exp.Parameter) or bind.this, exp.Parameter):  # @@version
                assert isinstance(bind.parent, (exp.Cast, exp.Limit)), f"{name}: {bind.sql()} in {sql}"


@pytest.mark.parametrize("name", STEPS)
def test_every_statement_finds_its_tables_and_columns_when_turned_into_sqlites(
    name: str, sqlite_clinic: Clinic
) -> None:
    if name.startswith(("ledger.", "probe.")) or name in XML:
        return  # SQL Server's own words
    with sqlite_clinic.engine.connect() as connection:
        connection.connection.create_function("repeat", 2, lambda text, times: text * times)  # type: ignore[attr-defined]
        for sql in variants(STEPS[name]):
            connection.execute(text(f"EXPLAIN {in_sqlite(sql)}"), dict.fromkeys(_BIND.findall(sql)))


@pytest.mark.parametrize("name", [name for name in READS if name not in XML])
def test_what_is_read_is_what_sqlites_own_mapping_reads(name: str, sqlite_clinic: Clinic) -> None:
    with sqlite_clinic.engine.connect() as connection:
        own = [comparable(row) for row in query(connection, name, **BINDS)]
        step = mapping().files[name].steps[-1]
        rows = connection.execute(text(in_sqlite(step.sql)), bound(step.sql)).mappings()
        assert sorted(comparable(dict(row)) for row in rows) == sorted(own)
    assert own or name.startswith(("verify/", "blind_window/"))


def bound(sql: str) -> dict[str, str]:
    forms = {"char16": lambda at: at[:10].replace("-", "") + at[11:19], "char8": lambda at: at[:10].replace("-", "")}
    values = {}
    for bind in _BIND.findall(sql):
        base, _, form = bind.rpartition("_")
        values[bind] = forms[form](BINDS[base]) if form in forms else BINDS[bind]
    return values


def comparable(row: dict[str, Any]) -> tuple[str, ...]:
    """Numbers as numbers, whatever type a database gives them."""
    return tuple("" if value is None else _plain(value) for value in row.values())


def _plain(value: Any) -> str:
    try:
        return format(Decimal(str(value)), ".4f")
    except InvalidOperation:
        return str(value)


def in_sqlite(sql: str) -> str:
    """T-SQL as SQLite understands it: `+` joins texts, OUTPUT is RETURNING, LEFT and RIGHT are substrings."""
    parsed = tree(sql)
    for node in list(parsed.find_all(exp.National)):
        node.replace(exp.Literal.string(node.this))
    for node in reversed(list(parsed.find_all(exp.Add))):
        if any(_is_text(part) for part in node.flatten()):
            node.replace(exp.DPipe(this=node.this, expression=node.expression))
    for node in list(parsed.find_all(exp.Left)):
        node.replace(exp.Substring(this=node.this, start=exp.Literal.number(1), length=node.expression))
    for node in list(parsed.find_all(exp.Right)):
        node.replace(exp.Substring(this=node.this, start=exp.Neg(this=node.expression.copy())))
    if isinstance(parsed, exp.Update) and (source := parsed.args.get("from_")):
        parsed.set("this", source.this)  # UPDATE alias … FROM table alias
        parsed.set("from_", None)
    for returning in list(parsed.find_all(exp.Returning)):
        for column in returning.find_all(exp.Column):
            column.set("table", None)
    return re.sub(r"@(\w+)", r":\1", parsed.sql(dialect="sqlite")).replace("TEXT(", "CHAR(")


def _is_text(node: exp.Expression) -> bool:
    node = node.unnest()
    return (isinstance(node, exp.Literal) and node.is_string) or isinstance(
        node, (exp.Substring, exp.Left, exp.Right, exp.Trim, exp.Repeat, exp.DPipe)
    )


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT a FROM t ORDER BY a OFFSET 10 ROWS FETCH NEXT 5 ROWS ONLY", ["OFFSET", "FETCH"]),
        ("SELECT IIF(a = 1, 'x', 'y')", ["IIF"]),
        ("SELECT concat(a, b), format(c, 'N2')", ["CONCAT", "FORMAT"]),
        ("SELECT try_convert(int, a), TRY_CAST(b AS int)", ["TRY_CONVERT", "TRY_CAST"]),
        ("SELECT string_agg(a, ',')", ["STRING_AGG"]),
        ("SELECT LAG(a) OVER (ORDER BY b)", ["LAG"]),
        ("SELECT sum(a) OVER (PARTITION BY c ORDER BY b)", ["running total"]),
        ("SELECT DATEFROMPARTS(2026, 1, 1), EOMONTH(a)", ["DATEFROMPARTS", "EOMONTH"]),
        ("SELECT value FROM STRING_SPLIT(@a, ',')", ["STRING_SPLIT"]),
        ("SELECT TRIM(a)", ["TRIM"]),
        ("DROP TABLE IF EXISTS t", ["DROP"]),
        ("SELECT JSON_VALUE(a, '$.b') FROM OPENJSON(@c)", ["JSON_VALUE", "OPENJSON"]),
        ("SELECT NEXT VALUE FOR s", ["NEXT VALUE FOR"]),
        ("CREATE SEQUENCE s", ["CREATE SEQUENCE"]),
        ("THROW 50000, 'x', 1", ["THROW"]),
        ("SELECT a FROM t WITH (NOLOCK)", ["NOLOCK"]),
        ("SELECT greatest(a, b)", ["GREATEST"]),
        ("SELECT a AT TIME ZONE 'China Standard Time'", ["AT TIME ZONE"]),
    ],
)
def test_what_level_100_does_not_know_is_named(sql: str, said: list[str]) -> None:
    found = newer(sql)
    assert len(found) == len(said)
    assert all(any(word in name for name in found) for word in said), found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT TOP (10) ltrim(rtrim(a)) + '-' + CONVERT(varchar(20), b) FROM t ORDER BY a",
        "SELECT row_number() OVER (PARTITION BY a ORDER BY b), count(*) OVER (PARTITION BY a) FROM t",
        "SELECT 'TRIM(x) OFFSET 1 ROWS', [concat], \"format\" -- IIF(a)\n /* THROW */",
        "MERGE t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = 1 OUTPUT inserted.a;",
    ],
)
def test_what_it_knows_passes(sql: str) -> None:
    assert newer(sql) == []


def test_the_folder_is_where_the_docs_say() -> None:
    assert isinstance(TSQL, Path) and mapping().options.dialect == "mssql"
