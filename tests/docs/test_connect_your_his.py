"""The DBA's page says what the code does: its keys, its example, its addresses."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy.engine import make_url

from sync.central.dialects import DIALECTS
from sync.central.options import MappingFile
from sync.central.routines import called
from sync.central.sql_file import REPEATED, parse

PAGE = (Path(__file__).parents[2] / "docs" / "connect-your-his.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (`[^|]+) \|([^|]*)\|", re.MULTILINE)
SECTION = PAGE[PAGE.index("## `mapping.toml`") : PAGE.index("## Your database")]


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of mapping.toml with its default, in the page's notation."""
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        if name == "datasets":
            yield from keys(kind.__args__[1], "datasets.<name>.")
        elif name == "time_formats":
            yield "time_formats.<name>", None
        elif name == "guards":
            yield f"{prefix}guards.…", None
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{name}.")
        else:
            yield f"{prefix}{name}", field.default


def test_the_table_has_every_key_and_its_default() -> None:
    shown: dict[str, str] = {}
    for names, default in ROW.findall(SECTION):
        shown |= dict.fromkeys(re.findall(r"`([^`]+)`", names), default.strip("` "))
    real = dict(keys(MappingFile))
    assert set(shown) == set(real)
    for name, default in real.items():
        if isinstance(default, bool):
            assert shown[name] == str(default).lower(), name
        elif isinstance(default, (int, str)):
            assert shown[name] == str(default), name


def test_the_example_is_a_good_mapping() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert MappingFile.model_validate(tomllib.loads(example)).dialect == "mssql"


def test_the_sql_with_lines_that_count_sometimes_is_read_as_the_page_says() -> None:
    (source,) = (block for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) if "-- paged" in block)
    step = parse("mirror/patient", source).steps[0]
    assert "changed_from" in step.only_changed().binds and "after_patient_no" in step.by_pages().binds
    assert step.binds == ()


def test_the_three_calls_of_a_procedure_are_read_as_calls_that_refuse_twice() -> None:
    blocks = [block for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) if "p_sf_xz" in block]
    files = [parse("upload/charge", block) for block in blocks]
    assert [called(file.steps[0].sql) for file in files] == ["p_sf_xz"] * 3
    for file in files:
        assert file.steps[-1].meaning("1") == REPEATED and file.steps[-1].returns[-1] == "central_key"


@pytest.mark.parametrize("address", re.findall(r"^(\w+\+\w+://\S+)$", PAGE, re.MULTILINE))
def test_an_address_names_a_dialect_and_a_driver_we_have(address: str) -> None:
    url = make_url(address)
    assert url.get_backend_name() in DIALECTS and url.get_driver_name() in ("pyodbc", "psycopg2")
    if "odbc_connect" in url.query:
        assert str(url.query["odbc_connect"]).startswith("DRIVER={MariaDB Unicode};SERVER=")


def test_every_edge_has_its_section() -> None:
    for heading in ("### SQL Server", "### MariaDB and MySQL", "### PostgreSQL", "### SQLite"):
        assert heading in PAGE
    assert "SQL Server itself was not available to the tests" in PAGE
