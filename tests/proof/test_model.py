"""模型 Any order of faults, retries and decisions.

A stateful model of the whole return over an honest centre in memory: windows work, outages follow one another, the
connection breaks at any moment, the uploader dies at any point, the centre refuses, is rewound, people decide. After
every step P7 (once), P8 (nothing dropped in silence) and P9 (balanced means equal) hold; in the end everything can be
brought to rest.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from fallback_server.domain.clock import SettableClock, to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Mode, Permit
from fallback_server.store.conflicts import list_conflicts, resolve
from fallback_server.store.mode import incident
from fallback_server.store.mode_switch import advance
from fallback_server.store.outbox import outbox, outbox_parent
from fallback_server.store.returning import conflict
from fallback_server.store.session import Store
from fallback_server.store.sign_off import NOT_EXPLAINABLE, explain_difference
from sync.central.fake import FakeCentral
from sync.central.gateway import CentralError, OutcomeUnknown, Refused, Systemic, Transient, Unreachable
from sync.reconcile.run import run_reconcile
from sync.upload.run import run_upload
from tests.fixtures_return import PAIR, Desk, Rules, Tables
from tests.proof.conftest import BOOK
from tests.properties.test_mode_machine import START, fresh_store

MOMENTS = ("before", "during", "at_commit", "after_commit")
ERRORS: tuple[type[CentralError], ...] = (Unreachable, Transient, OutcomeUnknown)
CODES = ("receipt_no_used", "price_gone", "patient_exists", "prescription_already_paid", "charge_changed", "odd_code")
POINTS = ("claimed", "applied", "confirmed", "failed", "linked")
KNOWN = ("P1001", "P1003", "P1004")
LEFT = {"pending", "sending", "unknown", "conflict"}
ENTRY = BOOK.entry(Path(__file__).stem, __doc__)


class Killed(BaseException):
    """The process dies here."""


class Return(RuleBasedStateMachine):
    """The world: a store, a centre, its tables, people."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="yj-proof"))
        self.clock = SettableClock(START + timedelta(hours=1))
        self.store = Store(fresh_store(self.folder), self.clock, pool_size=4)
        self.centre = FakeCentral(self.clock)
        questions = ("upload/match_patient", "upload/advance_receipt_book", *(
            f"blind_window/{name}" for name in ("charge", "registration", "patient")
        ))  # fmt: skip
        self.centre.answers |= dict.fromkeys(questions, ())
        self.tables = Tables(self.centre)
        self.desk = Desk(self.store, self.clock)
        self.made: set[str] = set()
        self.charges: list[tuple[str, str]] = []
        self.vanished: set[str] = set()
        self.refused: set[str] = set()
        self.desk.open()

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        try:
            self.come_to_rest()
            ENTRY.count(cases=1, documents=len(self.made), doubled=0, lost=0)
        finally:
            self.store.close()
            shutil.rmtree(self.folder)

    # -- windows and outages ----------------------------------------------------------------------------------------

    def mode(self) -> Mode:
        with self.store.reading() as tx:
            return tx.mode.mode

    @precondition(lambda self: self.mode() is Mode.EMERGENCY)
    @rule(who=st.sampled_from((*KNOWN, "new")), what=st.sampled_from(("visit", "charge", "registration")))
    def a_window_works(self, who: str, what: str) -> None:
        patient = self.desk.patient() if who == "new" else who
        if what == "visit":
            self.desk.visit(patient)
        elif what == "charge":
            self.charges.append((self.desk.charge(patient), patient))
        else:
            self.desk.registration(patient)
        self.note_made()

    @precondition(lambda self: self.mode() is Mode.EMERGENCY and self.charges)
    @rule()
    def a_window_refunds(self) -> None:
        self.desk.refund(*self.charges.pop())
        self.note_made()

    def note_made(self) -> None:
        with self.store.reading() as tx:
            self.made |= set(tx.conn.execute(select(outbox.c.yj_id)).scalars())

    @precondition(lambda self: self.mode() is not Mode.EMERGENCY)
    @rule()
    def an_outage_begins(self) -> None:
        self.clock.advance(60)
        self.desk.open()
        ENTRY.inject(["another outage"])

    @precondition(lambda self: self.mode() is Mode.EMERGENCY)
    @rule(grace=st.sampled_from((0, 30)))
    def the_outage_ends(self, grace: int) -> None:
        self.desk.close(grace=grace)

    @rule(seconds=st.sampled_from((1, 40, 700, 4000)))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        advance(self.store)

    # -- what breaks ------------------------------------------------------------------------------------------------

    @rule(moment=st.sampled_from(MOMENTS), error=st.sampled_from(ERRORS), times=st.integers(1, 3))
    def the_connection_will_break(self, moment: Any, error: type[CentralError], times: int) -> None:
        """What a real wire can do: nothing applied before the commit is ever in doubt, nothing after it is certain."""
        doubtful = moment in ("at_commit", "after_commit")
        for _ in range(times):
            self.centre.fail_next(moment, OutcomeUnknown("lost") if doubtful else _certain(error))
        ENTRY.inject({f"connection breaks {moment.replace('_', ' ')}": times})

    @rule(code=st.sampled_from(CODES), entity=st.sampled_from(("charge", "registration", "patient", "refund")))
    def the_centre_refuses(self, code: str, entity: str) -> None:
        self.centre.refuse(entity, Refused(code, "no"))
        self.refused.add(entity)
        ENTRY.inject(["the centre refuses a kind of document"])

    @precondition(lambda self: self.refused)
    @rule()
    def the_cause_is_gone(self) -> None:
        for entity in self.refused:
            self.centre.accept(entity)
        self.refused.clear()

    @rule()
    def a_table_is_missing_for_a_moment(self) -> None:
        self.centre.fail_next("before", Systemic("table gone"))
        ENTRY.inject(["systemic fault"])

    @rule(away=st.booleans())
    def the_centre_is_away(self, away: bool) -> None:
        self.centre.reachable = not away
        ENTRY.inject(["the centre is away"] if away else [])

    @precondition(lambda self: self.centre.ledger)
    @rule(count=st.integers(1, 4))
    def the_centre_is_rewound(self, count: int) -> None:
        newest = list(self.centre.ledger)[-count:]
        self.centre.forget(*newest)
        self.vanished |= set(newest)
        for name in ("charge", "refund", "charge_line", "payment", "registration", "prescription"):
            getattr(self.tables, name).clear()
        self.tables._taken.clear()  # read anew from what is left
        ENTRY.inject(["the centre is rewound"])

    # -- what people and the worker do ------------------------------------------------------------------------------

    @rule(point=st.sampled_from((None, *POINTS)), passes=st.integers(1, 6))
    def the_upload_runs(self, point: str | None, passes: int) -> None:
        """Perhaps it dies at the n-th passing of a point."""
        left = [passes]

        def crash(where: str, _yj_id: str) -> None:
            left[0] -= where == point
            if where == point and left[0] == 0:
                raise Killed

        try:
            report = run_upload(self.store, self.centre, Rules(), pause=self.clock.advance, crash=crash, patience=600)
        except Killed:
            ENTRY.inject([f"killed at {point}"])
        else:
            assert report.state in ("done", "stopped", "refused", "broken"), report
            if report.state != "refused" or report.code != "rewound":
                self.vanished -= set(self.centre.ledger)

    @rule(lot=st.randoms(use_true_random=False))
    def two_people_decide(self, lot: Any) -> None:
        for item in self.waiting():
            self.decide(item, lot.choice([one["decision"] for one in item["possible"]]))

    def waiting(self) -> list[dict[str, Any]]:
        with self.store.reading() as tx:
            numbers = tx.conn.execute(select(incident.c.incident_no)).scalars().all()
            return [item for no in numbers for item in list_conflicts(tx.conn, no, only_open=True)]

    def decide(self, item: Mapping[str, Any], decision: str) -> None:
        """What needs another document's number, or does not fit, is refused and stays with the person."""
        with suppress(YjError), self.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
            resolve(tx, item["id"], decision, "looked at", f"HIS-{item['id']}" if decision == "link" else None)

    @rule()
    def finance_reconciles(self) -> None:
        for number, state in self.incidents().items():
            if state in ("open", "closed") or not self.centre.reachable:
                continue
            account = run_reconcile(self.store, self.centre, number)
            self.require_honest(number, account)

    def incidents(self) -> dict[int, str]:
        with self.store.reading() as tx:
            rows = tx.conn.execute(select(incident.c.incident_no, incident.c.state))
            return {row.incident_no: row.state for row in rows}

    def require_honest(self, number: int, account: Any) -> None:
        """P9, told by the centre alone: without a difference every document is there once; else it is named."""
        own = {yj_id: row for yj_id, row in self.documents().items() if row["incident_no"] == number}
        there = self.at_centre()
        named = {item["yj_id"] for item in account.differences}
        for yj_id, row in own.items():
            if row["entity"] in ("charge", "refund", "registration", "prescription") and yj_id not in there:
                assert yj_id in named, (row["entity"], row["state"], account.differences)
            if row["state"] in LEFT:
                assert not account.balanced and yj_id in named
        if all(row["state"] == "confirmed" and there.get(yj_id) == 1 for yj_id, row in own.items()):
            assert not account.differences, account.differences

    # -- what must always hold --------------------------------------------------------------------------------------

    def documents(self) -> dict[str, dict[str, Any]]:
        with self.store.reading() as tx:
            return {row["yj_id"]: dict(row) for row in tx.conn.execute(select(outbox)).mappings()}

    def at_centre(self) -> Counter[str]:
        return Counter(document.ledger.yj_id for document in self.centre.documents)

    @invariant()
    def each_document_is_at_the_centre_once_at_most_behind_its_parents(self) -> None:
        if not hasattr(self, "store"):
            return
        own, there = self.documents(), self.at_centre()
        assert set(there.values()) <= {1}, "applied twice"
        assert there.keys() <= self.centre.ledger.keys() <= own.keys()
        for yj_id, row in self.centre.ledger.items():
            assert row.payload_hash == own[yj_id]["payload_hash"]
        sequences = [row.sequence for row in self.centre.ledger.values()]
        assert len(sequences) == len(set(sequences))
        with self.store.reading() as tx:
            pairs = tx.conn.execute(select(outbox_parent.c.yj_id, outbox_parent.c.parent_id)).all()
        for child, parent in pairs:
            if child in there:
                known = parent in self.centre.ledger or own[parent]["state"] == "settled" or parent in self.vanished
                assert known, "a document is at the centre before its parent"

    @invariant()
    def nothing_is_dropped_in_silence(self) -> None:
        if not hasattr(self, "store"):
            return
        own = self.documents()
        assert own.keys() == self.made, "an acknowledged document is gone"
        with self.store.reading() as tx:
            reasons = set(tx.conn.execute(select(conflict.c.yj_id)).scalars())
        for yj_id, row in own.items():
            if row["state"] == "confirmed":
                assert yj_id in self.centre.ledger or yj_id in self.vanished, "confirmed, and the centre lacks it"
            if row["state"] in ("conflict", "settled"):
                assert yj_id in reasons, "with a person, and nobody knows why"
            if row["state"] == "settled":
                assert yj_id not in self.centre.ledger, "settled otherwise, and at the centre too"

    # -- the end ----------------------------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Faults end, people decide, runs follow: everything ends confirmed or settled, and the account balances."""
        self.centre._failures.clear()
        self.centre._refusals.clear()
        self.centre.reachable = True
        if self.mode() is Mode.EMERGENCY:
            self.desk.close()
        self.clock.advance(4000)
        advance(self.store)
        for _ in range(30):
            for item in self.waiting():
                names = [one["decision"] for one in item["possible"]]
                self.decide(item, next((name for name in names if name in ("retry", "noted")), names[0]))
            run_upload(self.store, self.centre, Rules(), pause=self.clock.advance, patience=10_000)
            states = {row["state"] for row in self.documents().values()}
            if not states & LEFT and not self.waiting() and not set(self.incidents().values()) & {"closing"}:
                break
        states = Counter(row["state"] for row in self.documents().values())
        assert not set(states) & LEFT, (states, [(item["kind"], item["possible"]) for item in self.waiting()])
        self.vanished.clear()
        self.each_document_is_at_the_centre_once_at_most_behind_its_parents()
        self.nothing_is_dropped_in_silence()
        for number, state in self.incidents().items():
            if state != "closed":
                self.sign_for(number)

    def sign_for(self, number: int) -> None:
        """Each difference that is left is explained by a name, and then the account balances."""
        account = run_reconcile(self.store, self.centre, number)
        self.require_honest(number, account)
        for item in account.differences:
            assert item["kind"] not in NOT_EXPLAINABLE, item
            with self.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
                explain_difference(tx, item["id"], f"known {to_text(self.clock.now())}")
        assert run_reconcile(self.store, self.centre, number).balanced


def _certain(error: type[CentralError]) -> CentralError:
    return Unreachable("cut") if error is OutcomeUnknown else error("broken")


LONG = os.environ.get("HYPOTHESIS_PROFILE") == "proof"
TestReturn = Return.TestCase
TestReturn.settings = settings(max_examples=120 if LONG else 8, stateful_step_count=40 if LONG else 25, deadline=None)
TestReturn.pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
