"""线路 The wire between worker and centre breaks at any message.

A TCP proxy in front of the real PostgreSQL breaks one message of a run that returns every kind of document: before it
is sent, after the work and before the reply, by reset, half-open with the transaction left standing at the server,
half-open with the message arriving late, and by delay. Afterwards the upload is simply run again.
"""

from __future__ import annotations

import itertools
import random

import pytest

from tests.proof.record import Entry
from tests.proof.stage import Case, Ground
from tests.proof.wire import FAULTS, Fault, Wire, at, whole

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]
STRIDE = 23  # of the messages of a run, besides all its commits


def messages_of(case: Case, wire: Wire) -> tuple[int, list[int]]:
    """How many messages an undisturbed upload sends, and which of them are commits."""
    commits: list[int] = []

    def watch(number: int, statement: str) -> Fault | None:
        if statement.startswith("COMMIT"):
            commits.append(number)
        return None

    wire.again(watch)
    assert case.upload(wire.address(case.centre_url)).complete
    return wire.messages, commits


def broken_at(ground: Ground, wire: Wire, number: int, fault: Fault, entry: Entry) -> None:
    """One fault at one message of a fresh copy; run again until done; both sides must agree."""
    case = ground.case()
    try:
        wire.struck.clear()
        wire.again(at(number, fault))
        runs = case.upload_until_done(wire.address(case.centre_url))
        wire.settle()
        wire.again(whole)
        found = case.balance()
        assert found.parked == 0 and found.documents == len(ground.made), found
        assert [one.fault for one in wire.struck] == [fault]
        entry.inject([str(fault)])
        entry.count(cases=1, runs=runs, documents=found.documents, doubled=0, lost=0)
    finally:
        ground.drop(case)


def test_every_kind_of_break_in_one_return(ground: Ground, case: Case, wire: Wire, entry: Entry) -> None:
    """One after another, in the pre-flight, at commits and at statements, each followed by the next run."""
    faults = dict(zip(range(20, 20 + 55 * len(FAULTS), 55), FAULTS, strict=True))
    due = list(FAULTS)

    def plan(number: int, statement: str) -> Fault | None:
        if number in faults:
            return faults[number]
        return due.pop(0) if due and number > 430 and statement.startswith("COMMIT") and number % 3 else None

    wire.again(plan)
    runs = case.upload_until_done(wire.address(case.centre_url))
    wire.settle()
    found = case.balance()
    assert found.parked == 0 and found.documents == len(ground.made), found
    assert {one.fault for one in wire.struck if one.statement.startswith("COMMIT")} == set(FAULTS)
    entry.inject([str(one.fault) for one in wire.struck])
    entry.count(cases=1, runs=runs, documents=found.documents, doubled=0, lost=0)


def test_a_wire_that_breaks_behind_the_last_row_costs_nothing(
    ground: Ground, case: Case, wire: Wire, entry: Entry
) -> None:
    """The transaction of a question ends with one more message: if that is lost, the answer is there already."""
    gateway = case.gateway(wire.address(case.centre_url))
    gateway.preflight([])
    for fault in (Fault.DROP_BEFORE, Fault.DROP_AFTER, Fault.RESET_BEFORE):
        due = [fault]
        wire.again(lambda _, statement, due=due: due.pop() if due and statement.startswith("ROLLBACK") else None)  # type: ignore[misc]
        assert gateway.ledger_find(["-"]) == {}
        assert not due and gateway.ledger_head("-") == 0
        entry.inject([str(fault)])
    gateway.close()


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_each_commit_broken_and_the_upload_run_again(ground: Ground, wire: Wire, entry: Entry) -> None:
    case = ground.case()
    messages, commits = messages_of(case, wire)
    ground.drop(case)
    entry.facts["messages of one undisturbed run"] = f"{messages}, {len(commits)} of them commits"
    ways = itertools.cycle((Fault.DROP_AFTER, Fault.LATE, Fault.DROP_BEFORE, Fault.HALF_OPEN, Fault.RESET_AFTER))
    for number in commits:
        broken_at(ground, wire, number, next(ways), entry)


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_messages_all_along_the_run_broken_in_some_way(ground: Ground, wire: Wire, entry: Entry) -> None:
    case = ground.case()
    messages, _ = messages_of(case, wire)
    ground.drop(case)
    lot = random.Random(11)
    for number in range(1, messages + 1, STRIDE):
        broken_at(ground, wire, number, lot.choice(FAULTS), entry)
