"""Bringing a store to the newest schema, and telling whether it has drifted from the tables in the code."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from fallback_server.domain.clock import Clock
from fallback_server.store import provision, tables
from fallback_server.store.database import is_sqlite, open_engine, sqlite_files
from fallback_server.store.schema import MIRROR_SCHEMA

VERSION_TABLE = "schema_version"


class StoreIsNewer(Exception):
    """A newer version of the product brought the store to a schema that this one does not know."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"the store is at schema {found}, made by a newer version; this one knows schemas up to {newest()}: install"
            " that version again, or restore a backup that was made before it"
        )


def config(connection: Connection) -> Config:
    """Alembic's configuration, bound to an open connection."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.attributes["connection"] = connection
    return settings


def upgrade(url: str, clock: Clock) -> str:
    """Create or migrate the store at `url` and give it its identity. Returns the installation id.

    All in one transaction on PostgreSQL and in one per file on SQLite; running it again changes nothing. Raises
    StoreIsNewer, and nothing was changed.
    """
    if is_sqlite(url):
        sqlite_files(url)[0].parent.mkdir(parents=True, exist_ok=True)
    engine = open_engine(url, mirror_writable=True, pool_size=1)
    try:
        with engine.connect() as raw:
            connection = raw.execution_options(yj_write=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {MIRROR_SCHEMA}"))
                require_known(version(connection)[0])
                command.upgrade(config(connection), "head")
                # What schema it is stands in the store; the file of the mirror beside it may have been lost since.
                if is_sqlite(url):
                    tables.MIRRORED.create_all(connection)
                return provision.seed(connection, clock)
    finally:
        engine.dispose()


def version(connection: Connection) -> tuple[str | None, str | None]:
    """(revision of the store, newest revision in the code)."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision(), newest()


@cache
def newest() -> str:
    """The newest revision in the code."""
    return _scripts().get_current_head() or ""


def require_known(revision: str | None) -> None:
    """Raises StoreIsNewer for a revision that this version never made."""
    if revision is not None and revision not in {script.revision for script in _scripts().walk_revisions()}:
        raise StoreIsNewer(revision)


def _scripts() -> ScriptDirectory:
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    return ScriptDirectory.from_config(settings)


def drift(connection: Connection) -> list[Any]:
    """Differences between the store and the tables in the code; empty when the migrations say the same as the code."""
    context = MigrationContext.configure(
        connection,
        opts={
            "include_schemas": True,
            "version_table": VERSION_TABLE,
            "include_name": lambda name, kind, _: kind != "schema" or name in (None, MIRROR_SCHEMA),
        },
    )
    differences: list[Any] = compare_metadata(context, list(tables.ALL))  # type: ignore[arg-type]
    return differences
