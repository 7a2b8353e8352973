"""Alembic's entry: both schemas, on a connection that the caller opened."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from fallback_server.store import tables
from fallback_server.store.schema import MIRROR_SCHEMA, Cents, UnitPrice


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    """Only our two schemas; a full-text index brings shadow tables of its own, which are not ours to migrate."""
    if kind == "schema":
        return name in (None, MIRROR_SCHEMA)
    return not (kind == "table" and name is not None and "_fts" in name)


def render_item(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Write money columns as what they are in the database, so that old revisions never need today's classes."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, (Cents, UnitPrice)) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=list(tables.ALL),
    include_schemas=True,
    include_name=include_name,
    render_item=render_item,
    version_table="schema_version",
    transaction_per_migration=False,
    transactional_ddl=True,
)
context.run_migrations()
