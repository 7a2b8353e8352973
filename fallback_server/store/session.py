"""The one file that opens and commits transactions.

`Store.writing(permit)` opens exactly one transaction for one act; everything the act writes, its documents, audit
rows and idempotency answer commit together or not at all. It refuses writes that the mode forbids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.dialects import postgresql, sqlite

from fallback_server.domain.clock import Clock, business_date, from_text, to_text
from fallback_server.domain.documents import Document, canonical, payload_hash
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Mode, ModeState, Permit, admit
from fallback_server.store import audit as audit_log
from fallback_server.store import counters
from fallback_server.store.database import is_sqlite, open_engine
from fallback_server.store.looks import Looks
from fallback_server.store.mirror import dataset_state, generation
from fallback_server.store.mode import incident, installation, mode
from fallback_server.store.outbox import outbox, outbox_parent, window_first
from fallback_server.store.trouble import told_plainly
from fallback_server.store.turns import Turns

WRITE_WAIT_SECONDS = 10.0
# Every transaction begins with it: built once.
_MODE = select(mode)
_MODE_KEPT = _MODE.with_for_update(read=True)
APPEND_LOCK = 0x594A0001  # advisory lock of PostgreSQL: sequence and audit rows are appended one transaction at a time


@dataclass(frozen=True)
class Actor:
    """Who acts, from where; `approver_code` is the second person whose password or one-time code was checked before.

    `approval` is the one-time code to be used up with the act; `alone` the reason of somebody who has no second person.
    """

    operator_code: str
    operator_name: str
    roles: frozenset[str] = frozenset()
    workstation: str = ""
    address: str | None = None
    approver_code: str | None = None
    approval: int | None = None
    alone: str | None = None


@dataclass
class Tx:
    """One open transaction. Acts read and write through `conn`, and hand in documents and audit events."""

    conn: Connection
    now: datetime
    today: date
    mode: ModeState
    actor: Actor | None
    late: bool = False
    _documents: list[tuple[Document, dict[str, Any]]] = field(default_factory=list)
    _events: list[dict[str, Any]] = field(default_factory=list)
    _generation: int | None = None

    @property
    def at(self) -> str:
        return to_text(self.now)

    @property
    def who(self) -> Actor:
        """The acting person; raises login_required where there is none."""
        if self.actor is None:
            raise YjError("login_required")
        return self.actor

    @property
    def incident_no(self) -> int:
        """The incident documents of this transaction belong to; raises mode_normal outside one."""
        if self.mode.incident_no is None:
            raise YjError("mode_normal")
        return self.mode.incident_no

    @property
    def generation(self) -> int:
        """The mirror generation this transaction reads; raises mirror_missing before the first."""
        if self._generation is None:
            self._generation = current_generation(self.conn)
        return self._generation

    def document_row(self, document_id: str, yj_no: str) -> dict[str, Any]:
        """The columns every document row carries (store.visits.document_columns)."""
        return {
            "id": document_id,
            "yj_no": yj_no,
            "incident_no": self.incident_no,
            "drill": self.mode.drill,
            "generation": self.generation,
            "created_at": self.at,
            "business_date": self.today.isoformat(),
            "operator_code": self.who.operator_code,
            "operator_name": self.who.operator_name,
            "workstation": self.who.workstation,
            "late": self.late,
        }

    def take_yj_no(self) -> str:
        """The next YJ number of the acting workstation."""
        return counters.take_yj_number(self.conn, self.who.workstation, self.today)

    def enqueue(self, document: Document) -> None:
        """Hand a document to the outbox; it gets its sequence and is frozen when the transaction ends."""
        header = {
            "incident_no": self.incident_no,
            "epoch": self.mode.epoch,
            "operator_code": self.who.operator_code,
            "operator_name": self.who.operator_name,
            "workstation": self.who.workstation,
            "occurred_at": self.at,
            "business_date": self.today.isoformat(),
            "generation": self.generation,
            "late": self.late,
        }
        self._documents.append((document, header))

    def audit(self, action: str, *, subject: str | None = None, ok: bool = True, **detail: Any) -> None:
        """Record what was done. No patient data in `detail`: numbers and codes only."""
        self._events.append(self.event(action, subject, detail, ok=ok))

    def event(self, action: str, subject: str | None, detail: Mapping[str, Any], *, ok: bool = True) -> dict[str, Any]:
        """A row of the audit log, as of this transaction and its actor."""
        actor = self.actor
        return {
            "at": self.at,
            "operator_code": actor.operator_code if actor else "",
            "approver_code": actor.approver_code if actor else None,
            "workstation": actor.workstation if actor else None,
            "address": actor.address if actor else None,
            "action": action,
            "ok": ok,
            "subject": subject,
            "incident_no": self.mode.incident_no,
            "detail": dict(detail),
        }


class Store:
    """The standby's store. One per process; safe to use from many threads."""

    def __init__(self, url: str, clock: Clock, *, pool_size: int = 20) -> None:
        self.url = url
        self.clock = clock
        self.engine: Engine = open_engine(url, pool_size=pool_size)
        self._single_writer = Turns() if is_sqlite(url) else None
        self._looks = Looks()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def note_looks(self) -> None:
        """Write down what was looked at since the last transaction that wrote; before the process ends."""
        if self._looks:
            with suppress(YjError), self.writing(Permit.HOUSEKEEPING):
                pass

    @contextmanager
    def reading(self, actor: Actor | None = None) -> Iterator[Tx]:
        """One read transaction: yj tables and mirror as of one moment. Raises as `told_plainly` says."""
        with told_plainly(), self.engine.connect() as raw:
            conn = raw if self._single_writer else raw.execution_options(isolation_level="REPEATABLE READ")
            with conn.begin() as transaction:
                yield self._begin(conn, actor)
                transaction.rollback()

    @contextmanager
    def watching(self) -> Iterator[Callable[[], bool]]:
        """Within the block: whether anything may have been committed here since the last time of asking.

        Asking costs a hundredth of reading again. PostgreSQL cannot tell: there it is always so.
        """
        if self._single_writer is None:
            yield lambda: True
            return
        seen: Any = None

        def changed() -> bool:
            nonlocal seen
            cursor = watcher.connection.cursor()
            before, seen = seen, cursor.execute("PRAGMA data_version").fetchall()
            return bool(seen != before)

        with self.engine.connect() as watcher:
            yield changed

    @contextmanager
    def writing(self, permit: Permit, actor: Actor | None = None, *, ahead: bool = False) -> Iterator[Tx]:
        """One write transaction, committed when the block ends without an exception, rolled back otherwise.

        `ahead`: before the windows' acts that wait for their turn; for what is rare and short, and told to many.

        Raises mode_normal or mode_returning where `permit` is DOCUMENT and the mode takes none; busy if the write lock
        is not had in time; and as `told_plainly` says.
        """
        with told_plainly(), self._writer_turn(ahead), self.engine.connect() as raw:
            conn = raw.execution_options(yj_write=True)
            with conn.begin() as transaction:
                tx = self._begin(conn, actor, lock=permit)
                tx.late = admit(tx.mode, permit, tx.now)
                seen = self._mirror_seen(conn, permit)
                yield tx
                if self._mirror_seen(conn, permit) != seen:
                    raise YjError("busy")
                looks = self._looks.take()
                try:
                    self._append(tx, looks)
                    transaction.commit()
                # Whatever comes in between, what was looked at is written with the next one.
                except BaseException:
                    self._looks.saw(looks)
                    raise

    def looked(self, tx: Tx, action: str, subject: str) -> None:
        """The actor of this reading transaction opened a record; the next one that writes puts it into the log."""
        self._looks.saw([tx.event(action, subject, {})])

    def refused_to_read(self, tx: Tx, action: str, code: str) -> None:
        """The actor of this reading transaction asked for what is not for them: logged like a look, once an hour."""
        self._looks.refused(tx.event(action, None, {"code": code}, ok=False))

    @contextmanager
    def trying(self, actor: Actor) -> Iterator[Tx]:
        """One write transaction as in an outage of the whole hospital, always rolled back: would a document be taken?

        Everything a real act does is done, to the sequence number and the chained audit row; nothing of it stays, no
        number is used up. Its incident is number 0, which no outage ever has. Raises busy, and whatever the act raises.
        """
        with told_plainly(), self._writer_turn(), self.engine.connect() as raw:
            conn = raw.execution_options(yj_write=True)
            transaction = conn.begin()
            try:
                tx = self._begin(conn, actor)
                tx.mode = replace(tx.mode, mode=Mode.EMERGENCY, incident_no=0, drill=False, scope=None)
                conn.execute(incident.insert().values(**_trial_incident(tx)))
                yield tx
                self._append(tx)
            finally:
                transaction.rollback()

    def _mirror_seen(self, conn: Connection, permit: Permit) -> tuple[Any, ...]:
        """Which mirror an act at a window reads: on PostgreSQL every statement sees what was committed by then.

        An act that began before a publish (or a roll-back) and ends after it may have read half of each (P5): it is
        refused as busy and asked for again. SQLite's transaction sees one state to its end.
        """
        if self._single_writer is not None or permit is Permit.HOUSEKEEPING:
            return ()
        return tuple(
            conn.execute(select(func.max(generation.c.generation), func.max(generation.c.rolled_back_at))).one()
        )

    def _writer_turn(self, ahead: bool = False) -> AbstractContextManager[None]:
        # SQLite's own lock is retried with sleeps; taking turns in this process first keeps the queue fair and quick.
        return self._single_writer.take(WRITE_WAIT_SECONDS, ahead=ahead) if self._single_writer else nullcontext()

    def _begin(self, conn: Connection, actor: Actor | None, lock: Permit | None = None) -> Tx:
        # The clock is read after the lock is had: times then follow the order of the sequence numbers.
        state = read_mode(conn, for_update=lock is not None and lock is not Permit.HOUSEKEEPING)
        now = self.clock.now()
        return Tx(conn, now, business_date(now, self.clock.zone), state, actor)

    def _append(self, tx: Tx, looks: Sequence[Mapping[str, Any]] = ()) -> None:
        if not tx._documents and not tx._events and not looks:
            return
        if self._single_writer is None:
            # Last in the transaction: on PostgreSQL everything before ran side by side with other windows.
            tx.conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": APPEND_LOCK})
        if tx._documents:
            _freeze(tx)
        audit_log.append(tx.conn, [*looks, *tx._events])


def _trial_incident(tx: Tx) -> dict[str, Any]:
    return {
        "incident_no": 0, "state": "closed", "drill": False, "cause": "other", "reason": "trial", "epoch": -1,
        "generation": tx.generation, "generation_as_of": tx.at, "opened_at": tx.at, "opened_by": tx.who.operator_code,
        "upload_wanted": False,
    }  # fmt: skip


def _freeze(tx: Tx) -> None:
    """Write the outbox rows of the transaction's documents, numbered without gaps."""
    last = counters.take(tx.conn, counters.DOCUMENT_SEQUENCE, len(tx._documents))
    first = last - len(tx._documents) + 1
    own = installation_id(tx.conn)
    rows: list[Mapping[str, Any]] = []
    parents: list[Mapping[str, Any]] = []
    for sequence, (document, header) in enumerate(tx._documents, start=first):
        body = canonical(document.payload({**header, "installation_id": own, "sequence": sequence}))
        rows.append(
            {
                "yj_id": document.yj_id,
                "sequence": sequence,
                "entity": document.entity,
                "incident_no": header["incident_no"],
                "drill": tx.mode.drill,
                "state": "fenced" if tx.mode.drill else "pending",
                "rank": document.rank(),
                "chain": document.chain,
                "payload": body,
                "payload_hash": payload_hash(body),
                "amount": document.amount,
                "operator_code": header["operator_code"],
                "yj_no": document.yj_no,
                "receipt_no": document.receipt_no,
                "business_date": header["business_date"],
                "created_at": tx.at,
                "late": tx.late,
            }
        )
        parents += [{"yj_id": document.yj_id, "parent_id": parent} for parent in document.parents()]
    tx.conn.execute(outbox.insert(), rows)
    if parents:
        tx.conn.execute(outbox_parent.insert(), parents)
    _note_first(tx, *tx._documents[0])


def _note_first(tx: Tx, document: Document, header: Mapping[str, Any]) -> None:
    """For the record: when this window made its first document of the incident."""
    insert = postgresql.insert if tx.conn.dialect.name == "postgresql" else sqlite.insert
    named = {name: header[name] for name in ("incident_no", "workstation", "operator_code")}
    row = {**named, "at": tx.at, "entity": document.entity, "yj_no": document.yj_no}
    tx.conn.execute(insert(window_first).values(**row).on_conflict_do_nothing())


def read_mode(conn: Connection, *, for_update: bool = False) -> ModeState:
    """The mode as stored. With `for_update` it stays so until this transaction ends (SQLite has one writer anyway)."""
    statement = _MODE_KEPT if for_update and conn.dialect.name == "postgresql" else _MODE
    row = conn.execute(statement).mappings().one()
    return ModeState(
        mode=Mode(row["mode"]),
        epoch=row["epoch"],
        incident_no=row["incident_no"],
        drill=row["drill"],
        scope=tuple(row["scope"]) if row["scope"] is not None else None,
        since=from_text(row["since"]),
        grace_until=from_text(row["grace_until"]) if row["grace_until"] else None,
        hold_until=from_text(row["hold_until"]) if row["hold_until"] else None,
        insurance_down=row["insurance_down"],
        notice=row["notice"],
    )


def installation_id(conn: Connection) -> str:
    """This installation's identity, as the centre's ledger knows it."""
    return str(conn.execute(select(installation.c.installation_id)).scalar_one())


def current_generation(conn: Connection) -> int:
    """The newest generation that was not rolled back; raises mirror_missing if there is none."""
    number = conn.execute(
        select(generation.c.generation)
        .where(generation.c.rolled_back_at.is_(None))
        .order_by(generation.c.generation.desc())
        .limit(1)
    ).scalar()
    if number is None:
        raise YjError("mirror_missing")
    return int(number)


def mirror_as_of(conn: Connection) -> dict[str, str]:
    """Dataset → the moment at the centre that its rows show."""
    return {row.dataset: row.as_of for row in conn.execute(select(dataset_state.c.dataset, dataset_state.c.as_of))}


def oldest_as_of(conn: Connection) -> str | None:
    """The moment of the oldest of what every run reads. What is read at night only is older by intention, and counts
    where there is nothing else."""
    kinds = select(dataset_state.c.rests, func.min(dataset_state.c.as_of)).group_by(dataset_state.c.rests)
    found = {bool(rests): str(as_of) for rests, as_of in conn.execute(kinds)}
    return found.get(False) or found.get(True)
