"""Triggers that make money, frozen payloads, accounts and the audit log append-only, whoever writes (P3, P11).

Applied by migrations; the statements are here because they belong to the tables, not to one revision.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

APPEND_ONLY = (
    "charge", "charge_line", "payment", "audit", "outbox_move", "registration_change", "receipt_event", "recovered",
    "reconciliation", "signature", "incident_note", "announcement", "incident_analysis", "incident_report",
    "window_first", "workstation_epoch",
)  # fmt: skip
FROZEN_COLUMNS = {
    "outbox": ("yj_id", "entity", "incident_no", "payload", "payload_hash", "amount", "yj_no"),
    "receipt_number": ("prefix", "number", "receipt_no"),
    "incident_measure": ("incident_no", "at", "operator_code", "text", "responsible"),
}
# A document that was numbered twice (this store came back from a backup) gets a later number before it is sent; none
# goes back, and what the centre has keeps its own.
RENUMBERED = {"sqlite": "IS NOT", "postgresql": "IS DISTINCT FROM"}


def _sequence_rule(dialect: str) -> str:
    differs = RENUMBERED[dialect]
    return (
        f"(OLD.sequence {differs} NEW.sequence AND (NEW.sequence < OLD.sequence "
        "OR OLD.state NOT IN ('pending', 'unknown', 'conflict')))"
    )


# Only those of the store's own tables: a copy in another schema of the database has triggers of the same names.
_ON_OUR_TABLES = (
    "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_namespace ON pg_namespace.oid = "
    "relnamespace WHERE nspname = current_schema() AND tgenabled IN ('O', 'A') AND NOT tgisinternal"
)


def missing(conn: Connection) -> list[str]:
    """A sentence for each trigger that is not there, or was turned off: somebody made room for a change by SQL."""
    if conn.dialect.name == "postgresql":
        found = conn.execute(text(_ON_OUR_TABLES))
    else:
        found = conn.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
    there = set(found.scalars())
    return [f"the guard {name} was taken off" for name in names(conn.dialect.name) if name not in there]


def names(dialect: str) -> list[str]:
    """The triggers of `statements`."""
    return [words[2] for words in map(str.split, statements(dialect)) if words[1] == "TRIGGER"]


def statements(dialect: str) -> list[str]:
    """DDL for `sqlite` or `postgresql`; runs once, after the tables exist."""
    return _postgresql() if dialect == "postgresql" else _sqlite()


def _sqlite() -> list[str]:
    ddl = []
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            ddl.append(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    for table, columns in FROZEN_COLUMNS.items():
        changed = " OR ".join(f"OLD.{c} IS NOT NEW.{c}" for c in columns)
        changed += f" OR {_sequence_rule('sqlite')}" if table == "outbox" else ""
        ddl.append(
            f"CREATE TRIGGER {table}_frozen BEFORE UPDATE ON {table} WHEN {changed} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is frozen'); END"
        )
        ddl.append(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is never deleted'); END"
        )
    return ddl


def _postgresql() -> list[str]:
    ddl = [
        "CREATE OR REPLACE FUNCTION yj_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    ]
    for table in APPEND_ONLY:
        ddl.append(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION yj_refuse()"
        )
    for table, columns in FROZEN_COLUMNS.items():
        changed = " OR ".join(f"OLD.{c} IS DISTINCT FROM NEW.{c}" for c in columns)
        changed += f" OR {_sequence_rule('postgresql')}" if table == "outbox" else ""
        ddl.append(
            f"CREATE TRIGGER {table}_frozen BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({changed}) "
            "EXECUTE FUNCTION yj_refuse()"
        )
        ddl.append(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION yj_refuse()"
        )
    # TRUNCATE touches no row and asks no trigger of rows.
    ddl += [
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION yj_refuse()"
        for table in (*APPEND_ONLY, *FROZEN_COLUMNS)
    ]
    return ddl
