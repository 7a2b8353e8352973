"""Documents to the centre: claim, apply, confirm. The letters are the arrows of docs/states.md.

A handful of documents is confirmed (h) and the next one claimed (g) in one short local transaction; every document has
a central transaction of its own between two of those and outside of both.
If the process dies on any line, documents are `sending` without an owner: the next run makes them `unknown` (i) and
asks the ledger. Nothing is ever sent again on a guess.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, Protocol

from sqlalchemy import case, select, update

from fallback_server.domain.clock import to_text
from fallback_server.domain.conflict_kinds import DOUBTS
from fallback_server.domain.modes import Mode, Permit
from fallback_server.domain.numbers import new_ulid
from fallback_server.domain.outbox import OutboxState
from fallback_server.store import exits, stop_orders
from fallback_server.store.conflicts import decided_links, retried, vanished_links
from fallback_server.store.outbox import outbox
from fallback_server.store.outbox_moves import move, move_all
from fallback_server.store.session import Actor, Store, Tx
from sync.central.gateway import (
    Applied,
    CentralError,
    CentralGateway,
    IntegrityAlarm,
    OutcomeUnknown,
    Outgoing,
    Refused,
    Row,
    Unreachable,
)
from sync.upload import patients, rewound, work
from sync.upload.doubt import park
from sync.upload.report import RunStopped
from sync.upload.retry import RetryRules, RunEnd, Verdict, judge

SURE_SECONDS: Final = 1.0  # what the centre has is not told here later than this, however long a handful takes

Crash = Callable[[str, str], None]
"""Called with (point, yj_id) at every point where a process may die; tests raise there."""


class UploadRules(RetryRules, Protocol):
    """The section [upload] as far as the uploader needs it."""

    @property
    def max_rate(self) -> int: ...
    @property
    def rehearse_first(self) -> bool: ...
    @property
    def lease_seconds(self) -> int: ...
    @property
    def heartbeat_seconds(self) -> int: ...


def no_crash(point: str, yj_id: str) -> None:
    """What runs outside tests."""


@dataclass(frozen=True)
class Sent:
    """What became of one document in this attempt."""

    verdict: Verdict
    chain: str
    linked: bool = False
    repeated: bool = False


@dataclass
class Sender:
    """Sends documents under one lease owner. One per run."""

    store: Store
    gateway: CentralGateway
    rules: UploadRules
    installation_id: str
    actor: Actor
    crash: Crash = no_crash
    owner: str = ""
    jitter: Callable[[], float] = field(default=random.random)
    lost: Mapping[str, Row] = field(default_factory=dict)  # patients whom a rewound centre lost
    gone: frozenset[tuple[str, str]] = frozenset()  # its other lost rows
    linked: Mapping[str, str] = field(default_factory=dict)  # keys of links that went with it
    waved: Set[str] = frozenset()  # documents that a person lets go in spite of a lost row
    not_there: Set[str] = frozenset()  # documents that a person looked for at the centre in vain

    def __post_init__(self) -> None:
        self.owner = self.owner or f"{_host()}/{os.getpid()}/{new_ulid(self.store.clock.now())[-10:]}"

    def send(
        self, handfuls: Iterable[Sequence[str]], before: Callable[[], None], after: Callable[[Sent], None]
    ) -> None:
        """One attempt with each document: claimed by handfuls, sent one by one, confirmed with the claim of the next
        (an empty one claims nothing), at a slow centre once a second.

        `before` and `after` may raise: what is sure is confirmed then, what was not sent is put back.
        """
        waiting: deque[tuple[work.Item, work.Ready]] = deque()
        sure: list[_Sure] = []
        try:
            for handful in handfuls:
                waiting += self._turn(sure, claim=handful)
                turned = time.monotonic()
                while waiting:
                    before()
                    after(self._one(*waiting.popleft(), sure))
                    if sure and time.monotonic() - turned >= SURE_SECONDS:
                        self._turn(sure)
                        turned = time.monotonic()
        except (RunStopped, CentralError):
            self._turn(sure, unsent=[item.yj_id for item, _ in waiting])
            raise
        self._turn(sure)

    def _turn(
        self, sure: list[_Sure], *, unsent: Sequence[str] = (), claim: Sequence[str] = ()
    ) -> list[tuple[work.Item, work.Ready]]:
        """One local transaction: arrow h for what was applied, k for what was claimed and not sent, g for the next.

        A lease that ran out meanwhile changes nothing: whoever took it over asks the ledger.
        """
        with self.store.writing(Permit.HOUSEKEEPING, self.actor) as tx:
            mine = {"at": tx.at, "by": self.owner, "lease_owner": self.owner}
            if sure:
                keys = {item.yj_id: applied.central_key for item, applied, _ in sure}
                move_all(
                    tx.conn, {item.yj_id: _how(applied, linked) for item, applied, linked in sure},
                    OutboxState.SENDING, OutboxState.CONFIRMED, **mine, last_error=None,
                    central_key=case(keys, value=outbox.c.yj_id),
                )  # fmt: skip
            if unsent:
                back = dict.fromkeys(unsent, "not sent")
                move_all(tx.conn, back, OutboxState.SENDING, OutboxState.PENDING, **mine)
            claimed = self._claim(tx, claim) if claim else []
        confirmed = [item.yj_id for item, _, _ in sure]
        sure.clear()
        for yj_id in confirmed:
            self.crash("confirmed", yj_id)
        for item, _ in claimed:
            self.crash("claimed", item.yj_id)
        return claimed

    def _claim(self, tx: Tx, yj_ids: Sequence[str]) -> list[tuple[work.Item, work.Ready]]:
        """Arrow g, under a lease, together with reading what the documents need."""
        stop_if_it_must(tx)
        until = to_text(tx.now + timedelta(seconds=self.rules.lease_seconds))
        claimed = move_all(
            tx.conn, dict.fromkeys(yj_ids), OutboxState.PENDING, OutboxState.SENDING,
            at=tx.at, by=self.owner, claimed_by=self.owner, lease_until=until,
        )  # fmt: skip
        self.lost, self.gone = rewound.lost_patients(tx.conn), rewound.lost_rows(tx.conn)
        self.linked = vanished_links(tx.conn, claimed)
        self.waved = retried(tx.conn, claimed, "row_lost")
        self.not_there = retried(tx.conn, claimed, *DOUBTS)
        return work.prepare(tx.conn, work.load(tx.conn, claimed), self.installation_id)

    def _one(self, item: work.Item, ready: work.Ready, sure: list[_Sure]) -> Sent:
        try:
            if isinstance(ready, CentralError):
                raise ready
            applied, linked = self._at_centre(item, ready)
        except CentralError as error:
            self.crash("failed", item.yj_id)
            return self._failed(item, ready, error)
        self.crash("applied", item.yj_id)
        sure.append((item, applied, linked))
        return Sent(_CONFIRMED, item.chain, linked, applied.repeated)

    def _at_centre(self, item: work.Item, ready: Outgoing) -> tuple[Applied, bool]:
        if item.entity == "patient":
            key = self._match(ready)
            if key is not None:
                return self.gateway.apply_link(ready, key), True
        if item.yj_id in self.linked:
            key = self.linked[item.yj_id]
            raise Refused("link_vanished", f"it was linked to {key}, which the centre lost", {"central_key": key})
        if item.yj_id not in self.waved:
            rewound.require_rows(ready.payload, self.gone)
        rewound.require_same_patient(self.gateway, ready.payload, self.lost)
        return self.gateway.apply(replace(ready, not_there=item.yj_id in self.not_there)), False

    def _match(self, ready: Outgoing) -> str | None:
        """The patient at the centre that this one is. Raises Refused('patient_match').

        Somebody alike may be our own row, from an attempt that was given up for dead and committed after all: then the
        ledger has it too, and `apply` finds that out.
        """
        try:
            key = patients.match(self.gateway, ready.payload)
        except Refused:
            if self.gateway.arrived([ready.ledger]):
                return None
            raise
        return None if key is not None and self.gateway.arrived([ready.ledger]) else key

    def _failed(self, item: work.Item, ready: work.Ready, error: CentralError) -> Sent:
        """Arrows i, j, k, as the table of retry.py says."""
        verdict = judge(error, item.attempts, self.rules, self.jitter())
        payload = ready.payload if isinstance(ready, Outgoing) else {"yj_no": item.row["yj_no"]}
        central = self._centre_version(error, ready) if verdict.state is OutboxState.CONFLICT else {}
        with self.store.writing(Permit.HOUSEKEEPING, self.actor) as tx:
            again = to_text(tx.now + timedelta(seconds=verdict.wait_seconds)) if verdict.wait_seconds else None
            moved = move(
                tx.conn, item.yj_id, OutboxState.SENDING, verdict.state, at=tx.at, by=self.owner,
                detail=verdict.code, lease_owner=self.owner, attempts=verdict.attempts, next_attempt_at=again,
                last_error=f"{verdict.code}: {error.detail}"[:500],
            )  # fmt: skip
            if moved and verdict.state is OutboxState.CONFLICT:
                park(tx, item, verdict.code, payload, {**central, "detail": error.detail[:500]})
        return Sent(verdict, item.chain)

    def _centre_version(self, error: CentralError, ready: work.Ready) -> dict[str, Any]:
        """What the centre shows about the document: from the refusal, and how the rows it settles stand now."""
        shown: dict[str, Any] = dict(error.central) if isinstance(error, Refused) else {}
        if not isinstance(error, Refused) or not isinstance(ready, Outgoing):
            return shown
        try:
            for name, question in (("prescriptions", "prescription"), ("orders", "order")):
                rows = self._settled_rows(ready, name, f"upload/settle_check_{question}")
                shown |= {name: rows} if rows else {}
        except CentralError as unseen:
            shown["not_read"] = unseen.detail[:200]  # the conflict stands without it
        return shown

    def _settled_rows(self, ready: Outgoing, name: str, question: str) -> list[dict[str, Any]]:
        if not self.gateway.has(question):
            return []
        keys = [ready.keys[ref["id"]] for ref in ready.payload.get(name) or () if ref["id"] in ready.keys]
        return [{"key": key, **patients.plain(row)} for key in keys for row in self.gateway.ask(question, {"key": key})]


_Sure = tuple[work.Item, Applied, bool]
_CONFIRMED = Verdict(OutboxState.CONFIRMED, 0, "confirmed", run=RunEnd.GO_ON)


def _how(applied: Applied, linked: bool) -> str | None:
    """What the history says of a confirmation, where it was no plain one."""
    if linked:
        return "linked: exactly this person"
    return "the ledger had it" if applied.repeated else None


def stop_if_it_must(tx: Tx) -> None:
    """A person's pause holds, and a real outage that began meanwhile comes first. A drill does not."""
    if stop_orders.stopped(tx.conn, stop_orders.UPLOAD) is not None:
        raise RunStopped("stopped", "paused")
    if tx.mode.mode is Mode.EMERGENCY and not tx.mode.drill:
        raise RunStopped("stopped", "new_incident")


def recover_leases(store: Store, actor: Actor) -> tuple[int, str | None]:
    """Arrow i for documents whose sender died. Returns how many, and when the last foreign lease still held runs out.

    The caller holds the uploader's lock, so every sender of this machine is dead; one on another machine has died only
    when its lease has run out.
    """
    host = _host()
    freed, held = 0, None
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        rows = tx.conn.execute(
            select(outbox.c.yj_id, outbox.c.lease_owner, outbox.c.lease_until).where(
                outbox.c.state == OutboxState.SENDING.value
            )
        ).all()
        for row in rows:
            if str(row.lease_owner).split("/")[0] != host and row.lease_until > tx.at:
                held = max(held or "", str(row.lease_until))
                continue
            freed += move(
                tx.conn, row.yj_id, OutboxState.SENDING, OutboxState.UNKNOWN,
                at=tx.at, by=actor.operator_code, detail="its sender died", lease_owner=row.lease_owner,
            )  # fmt: skip
    return freed, held


def enter_links(sender: Sender, incident_no: int) -> int:
    """Arrow o: enter the ledger rows of documents a person linked. Returns how many.

    Repeating after a crash is harmless: the ledger answers. What the centre refuses goes back to a person.
    """
    with sender.store.reading() as tx:
        links = decided_links(tx.conn, incident_no)
    entered = 0
    for yj_id, key in links:
        with sender.store.reading() as tx:
            items = work.load(tx.conn, [yj_id])
            ((item, ready),) = work.prepare(tx.conn, items, sender.installation_id, need_keys=False)
        try:
            if isinstance(ready, CentralError):
                raise ready
            applied = sender.gateway.apply_link(ready, key)
        except (Unreachable, OutcomeUnknown):
            raise
        except (Refused, IntegrityAlarm) as error:
            code = error.code if isinstance(error, Refused) else "integrity_alarm"
            with sender.store.writing(Permit.HOUSEKEEPING, sender.actor) as writing:
                park(writing, item, code, {"yj_no": item.row["yj_no"]}, {"detail": error.detail, "central_key": key})
            continue
        sender.crash("linked", yj_id)
        with sender.store.writing(Permit.HOUSEKEEPING, sender.actor) as writing:
            entered += move(
                writing.conn, yj_id, OutboxState.CONFLICT, OutboxState.CONFIRMED, at=writing.at,
                by=sender.actor.operator_code, detail="linked by a person",
                central_key=applied.central_key, last_error=None,
            )  # fmt: skip
    return entered


def take_links_back(sender: Sender, incident_no: int) -> int:
    """Ledger rows of links that a person took back; the documents then wait for a new decision. Returns how many.

    Repeating after a crash is harmless: a row that is out already changes nothing.
    """
    with sender.store.reading() as tx:
        waiting = exits.unlinked(tx.conn, incident_no)
    for yj_id in waiting:
        with sender.store.reading() as tx:
            (item,) = work.load(tx.conn, [yj_id])
        row = work.ledger_row(item.row, sender.installation_id, None)
        sender.gateway.take_link_back(row, str(item.row["central_key"]))
        with sender.store.writing(Permit.HOUSEKEEPING, sender.actor) as writing:
            exits.take_out(writing, yj_id)
    return len(waiting)


def renew_leases(store: Store, owner: str, seconds: int) -> None:
    """The heartbeat of a sender at work: whoever waits long at the centre keeps its claim."""
    with store.writing(Permit.HOUSEKEEPING) as tx:
        until = to_text(tx.now + timedelta(seconds=seconds))
        tx.conn.execute(
            update(outbox)
            .where(outbox.c.state == OutboxState.SENDING.value, outbox.c.lease_owner == owner)
            .values(lease_until=until)
        )


def _host() -> str:
    return socket.gethostname().replace("/", "-")[:30]
