"""What is remembered of backups: every one made, tried and rehearsed, and that this store came back from one."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    select,
    update,
)

from fallback_server.domain.clock import from_text
from fallback_server.store.schema import BigKey, metadata
from fallback_server.store.session import Tx

BACKUP, VERIFY, REHEARSAL = "backup", "verify", "rehearsal"
JUMP: Final = 1000  # numbers left out after a restore: those on the paper of the time that was lost

backup_run = Table(
    "backup_run",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("kind", String(12), nullable=False),
    Column("started_at", String(35), nullable=False),
    Column("finished_at", String(35), nullable=False),
    Column("requested_by", String(64), nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("name", String(64)),
    Column("bytes", BigInteger),
    Column("document_sequence", BigInteger),  # the last document it holds
    Column("code", String(48)),  # why it failed, or what went wrong beside it
    Column("detail", JSON, nullable=False),
    CheckConstraint("kind IN ('backup', 'verify', 'rehearsal')", name="kind"),
)
Index("ix_backup_run_kind", backup_run.c.kind, backup_run.c.ok, backup_run.c.id)

restored = Table(
    "restored",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("at", String(35), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("approver_code", String(64)),
    Column("backup_name", String(64), nullable=False),
    Column("made_at", String(35), nullable=False),
    Column("reason", Text, nullable=False),
    Column("numbers_skipped", Integer, nullable=False),
    Column("recovered_at", String(35)),
    Column("recovered_by", String(64)),
)


def note(tx: Tx, kind: str, started_at: str, ok: bool, **values: Any) -> int:
    """Remember a run inside the caller's transaction, and audit it; returns its id."""
    row = {"kind": kind, "started_at": started_at, "finished_at": tx.at, "ok": ok, "detail": {}, **values}
    statement = backup_run.insert().values(requested_by=tx.who.operator_code, **row).returning(backup_run.c.id)
    number = int(tx.conn.execute(statement).scalar_one())
    tx.audit(f"backup.{kind}", subject=row.get("name"), ok=ok, **{k: row[k] for k in ("code",) if row.get(k)})
    return number


def arrived(tx: Tx, number: int, there: bool, code: str | None, removed: list[str]) -> bool:
    """What came of a copy into the second place that was under way; returns whether that backup is still the newest."""
    row = tx.conn.execute(select(backup_run).where(backup_run.c.id == number)).mappings().one()
    detail = {**row["detail"], "second": there, "removed": sorted({*row["detail"]["removed"], *removed})}
    tx.conn.execute(update(backup_run).where(backup_run.c.id == number).values(code=code, detail=detail))
    tx.audit("backup.second", subject=row["name"], ok=there, **({"code": code} if code else {}))
    newest = last(tx.conn, BACKUP)
    return newest is not None and newest["id"] == number


def last(conn: Connection, kind: str, *, ok: bool | None = None) -> dict[str, Any] | None:
    """The newest run of a kind (with `ok`: that ended so)."""
    statement = select(backup_run).where(backup_run.c.kind == kind).order_by(backup_run.c.id.desc()).limit(1)
    if ok is not None:
        statement = statement.where(backup_run.c.ok.is_(ok))
    row = conn.execute(statement).mappings().first()
    return dict(row) if row is not None else None


def ended(row: dict[str, Any] | None) -> datetime | None:
    """When a run ended."""
    return from_text(row["finished_at"]) if row is not None else None


def unrecovered(conn: Connection) -> dict[str, Any] | None:
    """The restore after which nobody has run `yj upload recover` yet; while there is one, uploads are fenced."""
    newest_first = select(restored).where(restored.c.recovered_at.is_(None)).order_by(restored.c.id.desc())
    row = conn.execute(newest_first).mappings().first()
    return dict(row) if row is not None else None


def recovered_now(tx: Tx) -> bool:
    """Lift the fence inside the caller's transaction; False where there was none."""
    statement = update(restored).where(restored.c.recovered_at.is_(None))
    done = tx.conn.execute(statement.values(recovered_at=tx.at, recovered_by=tx.who.operator_code)).rowcount
    if done:
        tx.audit("backup.recovered")
    return bool(done)
