"""The tables and triggers in every dialect; SQL Server's are compiled and parsed, never run: none is at hand."""

from __future__ import annotations

import pytest
import sqlglot
from sqlalchemy.dialects import mssql, mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from sync.reference_his import schema
from sync.reference_his.triggers import TRIGGERS

DIALECTS: list[tuple[Dialect, str]] = [
    (postgresql.dialect(), "postgres"), (mysql.dialect(), "mysql"), (sqlite.dialect(), "sqlite"),
    (mssql.dialect(), "tsql"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "grammar"), DIALECTS, ids=[name for _, name in DIALECTS])
def test_every_table_and_index_is_good_sql_in_the_dialect(dialect: Dialect, grammar: str) -> None:
    for table in schema.metadata.sorted_tables:
        statements = [str(CreateTable(table).compile(dialect=dialect))]
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]
        for statement in statements:
            (parsed,) = sqlglot.parse(statement, dialect=grammar)
            assert isinstance(parsed, sqlglot.exp.Create), statement


def test_sql_server_keeps_names_in_any_script_and_codes_at_fixed_length() -> None:
    patients = str(CreateTable(schema.br_da).compile(dialect=mssql.dialect()))
    assert "brxm NVARCHAR(60)" in patients
    assert "csny CHAR(16)" in patients


def test_each_dialect_keeps_takings_and_change_times_by_trigger() -> None:
    for dialect, statements in TRIGGERS.items():
        names = " ".join(statements)
        assert "tr_sf_zb_tj" in names, dialect
        assert "tr_br_da_xg" in names, dialect
