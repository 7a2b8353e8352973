"""Whoever moves a document, however stale his view: only lettered arrows, one holder, full history."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from fallback_server.domain.clock import SettableClock, to_text
from fallback_server.domain.documents import Document
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import new_ulid
from fallback_server.domain.outbox import OUTBOX_ARROWS, OutboxState
from fallback_server.store import mode_switch
from fallback_server.store.outbox import outbox, outbox_move
from fallback_server.store.outbox_moves import move
from fallback_server.store.session import Store
from tests.properties.test_mode_machine import ADMIN, START, fresh_store

OWNERS = ("worker-1", "worker-2")
MOVABLE = [state for state in OutboxState if state is not OutboxState.FENCED]


class OutboxMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="yj-outbox"))
        self.clock = SettableClock(START)
        self.store = Store(fresh_store(self.folder), self.clock, pool_size=2)
        self.identity = new_ulid(START)
        with self.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            mode_switch.enter_emergency(tx, cause="database", reason="t", departments=None, drill=False)
        with self.store.writing(Permit.DOCUMENT, ADMIN) as tx:
            tx.enqueue(Document(self.identity, "patient", "YJ1", self.identity, {}))
        self.state, self.holder = OutboxState.PENDING, ""

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(believed=st.sampled_from(MOVABLE), wanted=st.sampled_from(MOVABLE), owner=st.sampled_from(OWNERS))
    def somebody_moves_it(self, believed: OutboxState, wanted: OutboxState, owner: str) -> None:
        """Each mover acts on what it believes; only a true belief and one's own lease move anything."""
        values = {"claimed_by": owner, "lease_until": to_text(START)} if wanted is OutboxState.SENDING else {}
        held = owner if believed is OutboxState.SENDING else None
        try:
            with self.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
                if held is None:
                    moved = move(tx.conn, self.identity, believed, wanted, at=tx.at, by=owner, **values)
                else:
                    moved = move(tx.conn, self.identity, believed, wanted, at=tx.at, by=owner, lease_owner=held)
        except YjError:
            assert (believed, wanted) not in OUTBOX_ARROWS
            return
        assert moved == (self.state is believed and (held is None or self.holder == owner))
        if moved:
            self.state, self.holder = wanted, owner if wanted is OutboxState.SENDING else ""

    @invariant()
    def the_history_is_a_path_of_lettered_arrows_from_pending_to_here(self) -> None:
        if not hasattr(self, "state"):
            return
        with self.store.reading() as tx:
            row = tx.conn.execute(select(outbox)).mappings().one()
            moves = tx.conn.execute(select(outbox_move).order_by(outbox_move.c.id)).mappings().all()
        place = OutboxState.PENDING.value
        for one in moves:
            assert one["from_state"] == place
            assert OUTBOX_ARROWS[OutboxState(one["from_state"]), OutboxState(one["to_state"])] == one["arrow"]
            place = one["to_state"]
        assert place == row["state"] == self.state.value
        assert (row["lease_owner"] or "") == self.holder
        assert (row["state"] == "confirmed") <= (row["confirmed_at"] is not None)


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=30, stateful_step_count=30)
