"""Whatever the order of switches, timers and windows: one outage at a time, the epoch only grows, nothing slips in."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, select

from fallback_server.domain.clock import SettableClock, to_text
from fallback_server.domain.documents import Document
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Mode, Permit
from fallback_server.domain.numbers import new_ulid
from fallback_server.store import mirror, mode_switch
from fallback_server.store.database import open_mirror_engine
from fallback_server.store.mode import incident, mode_change
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Actor, Store
from migrations.upgrade import upgrade

ADMIN = Actor("9001", "管理员", frozenset({"admin"}), "W1")
GRACE, HOLD = 60, 300
START = datetime(2026, 11, 22, tzinfo=UTC)
_template: list[Path] = []


def fresh_store(folder: Path) -> str:
    """A store with one published generation, copied from one that was migrated once."""
    if not _template:
        _template.append(Path(tempfile.mkdtemp(prefix="yj-template")))
        url = f"sqlite:///{_template[0] / 'yj.db'}"
        upgrade(url, SettableClock(START))
        engine = open_mirror_engine(url)
        with engine.begin() as conn:
            conn.execute(
                mirror.generation.insert().values(
                    generation=1, run_id=1, published_at=to_text(START), as_of=to_text(START)
                )
            )
        engine.dispose()
    for file in _template[0].glob("*.db*"):
        shutil.copy(file, folder / file.name)
    return f"sqlite:///{folder / 'yj.db'}"


class ModeMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="yj-mode"))
        self.clock = SettableClock(START)
        self.store = Store(fresh_store(self.folder), self.clock, pool_size=2)
        self.written: list[tuple[str, int, bool]] = []

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def state(self) -> tuple[Mode, int]:
        with self.store.reading() as tx:
            return tx.mode.mode, tx.mode.epoch

    @rule(drill=st.booleans())
    def switch_on(self, drill: bool) -> None:
        with self.store.reading() as tx:
            before = tx.mode
        allowed = before.mode is Mode.NORMAL if drill else before.mode is not Mode.EMERGENCY or before.drill
        try:
            with self.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
                mode_switch.enter_emergency(tx, cause="database", reason="t", departments=None, drill=drill)
        except YjError as error:
            assert not allowed and error.code == "wrong_state"
        else:
            assert allowed
            assert self.state()[0] is Mode.EMERGENCY

    @rule(upload=st.booleans())
    def switch_off(self, upload: bool) -> None:
        before = self.state()[0]
        try:
            with self.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
                mode_switch.begin_return(tx, upload=upload, grace_seconds=GRACE, hold_seconds=HOLD)
        except YjError as error:
            assert before is not Mode.EMERGENCY and error.code == "wrong_state"

    @rule()
    def person_releases(self) -> None:
        before = self.state()[0]
        try:
            with self.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
                mode_switch.release(tx, "t")
        except YjError as error:
            assert before is not Mode.RETURNING and error.code == "wrong_state"

    @rule(seconds=st.sampled_from([1, GRACE - 1, GRACE, HOLD]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        mode_switch.advance(self.store)

    @rule()
    def window_writes(self) -> None:
        with self.store.reading() as tx:
            state = tx.mode
        in_grace = (
            state.mode is Mode.RETURNING and state.grace_until is not None and self.clock.now() < state.grace_until
        )
        try:
            with self.store.writing(Permit.DOCUMENT, ADMIN) as tx:
                identity = new_ulid(self.clock.now())
                tx.enqueue(Document(identity, "patient", f"YJ{len(self.written)}", identity, {}))
                late, number = tx.late, tx.incident_no
        except YjError as error:
            assert error.code == ("mode_normal" if state.mode is Mode.NORMAL else "mode_returning")
            assert not (state.mode is Mode.EMERGENCY or in_grace)
        else:
            assert state.mode is Mode.EMERGENCY or in_grace
            assert late == (state.mode is Mode.RETURNING)
            self.written.append((identity, number, state.drill))

    @precondition(lambda self: bool(self.written))
    @rule()
    def process_restarts(self) -> None:
        self.store.close()
        self.store = Store(self.store.url, self.clock, pool_size=2)

    @invariant()
    def what_was_acknowledged_is_there_once_in_order_and_in_its_incident(self) -> None:
        if not hasattr(self, "store"):
            return
        with self.store.reading() as tx:
            rows = tx.conn.execute(select(outbox).order_by(outbox.c.sequence)).mappings().all()
        assert [(r["yj_id"], r["incident_no"], r["drill"]) for r in rows] == self.written
        assert [r["sequence"] for r in rows] == list(range(1, len(rows) + 1))
        assert all((r["state"] == "fenced") == r["drill"] for r in rows)

    @invariant()
    def one_outage_at_a_time_and_an_epoch_for_every_change(self) -> None:
        if not hasattr(self, "store"):
            return
        with self.store.reading() as tx:
            live = tx.conn.execute(select(func.count()).where(incident.c.state == "open")).scalar_one()
            epochs = tx.conn.execute(select(mode_change.c.epoch).order_by(mode_change.c.epoch)).scalars().all()
            assert live == (1 if tx.mode.mode is Mode.EMERGENCY else 0)
            assert list(epochs) == list(range(1, tx.mode.epoch + 1))
            assert (tx.mode.incident_no is None) == (tx.mode.mode is Mode.NORMAL)


TestModeMachine = ModeMachine.TestCase
TestModeMachine.settings = settings(max_examples=30, stateful_step_count=25)
