"""The two accounts of the DBA's page, made with its own statements: one reads, one touches what the mapping names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from sync.central.mapping import CentralMapping, load
from tests.fixtures_mariadb import MariadbServer

PAGE = Path(__file__).parents[2] / "docs" / "connect-your-his.md"
PASSWORD = "least-rights-1"
TRIGGERED = {"gy_sftj"}  # what the trigger on charges writes; PostgreSQL runs it with the rights of who charges
_WRITES = re.compile(r"\b(?:insert\s+into|update)\s+(\w+)", re.IGNORECASE)


def statements(section: str) -> list[str]:
    """The statements of a database's section on the page, without remarks."""
    part = PAGE.read_text(encoding="utf-8").partition(f"### {section}\n")[2].partition("\n### ")[0]
    source = re.sub(r"--[^\n]*", "", re.findall(r"```sql\n(.*?)```", part, re.DOTALL)[-1])
    return [one.strip() for one in source.split(";") if one.strip()]


def written(mapping: CentralMapping) -> set[str]:
    """Exactly the tables of the upload files."""
    files = [file for name, file in mapping.files.items() if name.startswith("upload/")]
    return {table.lower() for file in files for step in file.steps for table in _WRITES.findall(step.sql)}


def granted(section: str, tables: Iterable[str], names: dict[str, str]) -> list[str]:
    """The page's statements for these tables, with the names of this centre in place of the page's."""
    made = []
    for statement in statements(section):
        for old, new in names.items():
            statement = re.sub(old, new, statement)
        made += [statement.replace("sf_zb", table) for table in sorted(tables)] if "sf_zb" in statement else [statement]
    return made


def accounts(url: str, folder: Path, request: pytest.FixtureRequest) -> tuple[str, str]:
    """(url of the reader, url of the writer) at a filled centre; the DBA has run ledger.sql before."""
    mapping = load(folder)
    owner = create_engine(url)
    with owner.begin() as connection:
        for step in mapping.files["ledger"].steps:
            connection.execute(step.statement)
    owner.dispose()
    if owner.dialect.name == "postgresql":
        return _postgresql(url, written(mapping))
    return _mariadb(url, written(mapping), request.getfixturevalue("mariadb_server"))


def _postgresql(url: str, tables: set[str]) -> tuple[str, str]:
    address = make_url(url)
    names = {r"\bhis\b": str(address.database), "…": PASSWORD}
    names |= {f"yj_{who}": f"{who}_{address.database}" for who in ("reader", "writer")}
    owner = create_engine(address)
    with owner.begin() as connection:
        for statement in granted("PostgreSQL", tables | TRIGGERED, names):
            connection.execute(text(statement))
    owner.dispose()
    reader, writer = (
        address.set(username=names[f"yj_{who}"], password=PASSWORD).render_as_string(hide_password=False)
        for who in ("reader", "writer")
    )
    return reader, writer


def _mariadb(url: str, tables: set[str], server: MariadbServer) -> tuple[str, str]:
    database = str(make_url(url).query["odbc_connect"]).partition("DATABASE=")[2].partition(";")[0]
    names = {r"\bhis\.": f"{database}.", "…": PASSWORD, "standby": "127.0.0.1"}
    names |= {f"yj_{who}": f"{who}_{database}" for who in ("reader", "writer")}
    server.admin(";".join(granted("MariaDB and MySQL", tables, names)))
    reader, writer = (server.odbc(database, user=names[f"yj_{who}"], password=PASSWORD) for who in ("reader", "writer"))
    return reader, writer
