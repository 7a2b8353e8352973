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
    "incident_measure": ("incident_no", "at", "operator_code", "text"),
    "drill_finding": ("drill_id", "at", "operator_code", "kind", "text"),
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
_TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": (
        "SELECT tgname, pg_get_triggerdef(pg_trigger.oid, true) FROM pg_trigger "
        "JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE nspname = current_schema() AND tgenabled IN ('O', 'A') AND NOT tgisinternal"
    ),
}
_FUNCTIONS = (
    "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'yj\\_%'"
)


def missing(conn: Connection) -> list[str]:
    """A sentence for each trigger that is not there, was turned off, or is another one of the same name: somebody made
    room for a change by SQL."""
    dialect = conn.dialect.name
    there = {str(name): _plain(sql) for name, sql in conn.execute(text(_TRIGGERS[dialect]))}
    wanted = {words.split()[2]: _plain(words) for words in statements(dialect) if words.startswith("CREATE TRIGGER")}
    if dialect == "postgresql":
        there |= {f"{name}()": _plain(body) for name, body in conn.execute(text(_FUNCTIONS))}
        wanted |= {f"{name}()": _plain(body) for name, body in _bodies().items()}
    return [
        f"the guard {name} is not the one that was made" if name in there else f"the guard {name} was taken off"
        for name, words in wanted.items()
        if there.get(name) != words
    ]


def _plain(words: str) -> str:
    """Without line ends and with single blanks: where a statement is broken says nothing."""
    return " ".join(words.split())


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


def _bodies() -> dict[str, str]:
    """Name → body of the functions of PostgreSQL. Conditions stand in them, not in WHEN: PostgreSQL keeps a body as it
    was written, so that it can be held against this."""
    found = {"yj_refuse": "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END"}
    for table, columns in FROZEN_COLUMNS.items():
        changed = " OR ".join(f"OLD.{c} IS DISTINCT FROM NEW.{c}" for c in columns)
        changed += f" OR {_sequence_rule('postgresql')}" if table == "outbox" else ""
        refuse = "RAISE EXCEPTION '% is frozen', TG_TABLE_NAME"
        found[f"yj_frozen_{table}"] = f"BEGIN IF {changed} THEN {refuse}; END IF; RETURN NEW; END"
    return found


def _postgresql() -> list[str]:
    """As PostgreSQL writes them down itself: events by its own order, no schema."""
    ddl = [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
        for name, body in _bodies().items()
    ]

    def trigger(table: str, name: str, event: str, row: str = "ROW", calls: str = "yj_refuse") -> None:
        ddl.append(f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} FOR EACH {row} EXECUTE FUNCTION {calls}()")

    for table in APPEND_ONLY:
        trigger(table, "append_only", "DELETE OR UPDATE")
    for table in FROZEN_COLUMNS:
        trigger(table, "frozen", "UPDATE", calls=f"yj_frozen_{table}")
        trigger(table, "no_delete", "DELETE")
    for table in (*APPEND_ONLY, *FROZEN_COLUMNS):  # TRUNCATE touches no row and asks no trigger of rows
        trigger(table, "no_truncate", "TRUNCATE", "STATEMENT")
    return ddl
