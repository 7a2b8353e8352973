"""万张单据 Many documents through a storm of seeded faults.

Thousands of documents return over a wire on which any message may break in any way, while the uploader process is
killed between two statements now and then. Each run is simply followed by the next; then both sides are compared row by
row and the account balances.
"""

from __future__ import annotations

import random
import time

import pytest

from tests.fixtures_return import Desk
from tests.proof.record import Entry
from tests.proof.stage import Case, Ground
from tests.proof.uploader import Uploaders
from tests.proof.wire import Wire, storm, whole

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]


def work(desk: Desk, patients: list[str], documents: int, lot: random.Random) -> None:
    """Visits of known and new patients, plain charges, refunds, until there are so many documents."""
    desk.open()
    made = 0
    while made < documents:
        patient, what = lot.choice(patients), lot.random()
        if what < 0.1:
            desk.visit(desk.patient(f"新病人{made}", birth_date=f"20{lot.randrange(10, 25)}-0{lot.randrange(1, 9)}-11"))
            made += 4
        elif what < 0.6:
            desk.visit(patient)
            made += 3
        elif what < 0.9:
            desk.charge(patient, f"{lot.randrange(1, 90)}.{lot.randrange(10, 99)}")
            made += 1
        else:
            total = f"{lot.randrange(1, 90)}.00"
            desk.refund(desk.charge(patient, total), patient, total)
            made += 2
    desk.close()
    desk.store.close()


def return_through_storm(
    case: Case, wire: Wire, uploaders: Uploaders, lot: random.Random, chance: float, kills: int
) -> tuple[int, int]:
    """Run after run, every other one in a process that may be killed; returns (runs, kills)."""
    runs = struck = 0
    address = wire.address(case.centre_url)
    wire.again(storm(lot.randrange(10**6), chance))
    while True:
        runs += 1
        assert runs < 2000, "the storm is stronger than the return"
        place = {"boundary": lot.randrange(300, 6000)} if struck < kills and runs % 2 else {}
        (ended,) = uploaders.run(case.order(**place) | {"centre": address})
        struck += ended.killed
        if not ended.killed and ended.report["complete"]:
            return runs, struck
        assert ended.killed or ended.report["state"] in ("stopped", "done"), ended.report


def prove(
    ground: Ground,
    case: Case,
    wire: Wire,
    uploaders: Uploaders,
    entry: Entry,
    documents: int,
    chance: float,
    kills: int,
) -> None:
    lot = random.Random(20261122)
    desk = ground.desk(case, minutes=documents // 60 + 30)
    work(desk, ground.patients, documents, lot)
    wire.hold = 0.05
    begun = time.monotonic()
    runs, struck = return_through_storm(case, wire, uploaders, lot, chance, kills)
    wire.settle()
    wire.again(whole)
    seconds = time.monotonic() - begun
    found = case.balance()
    assert found.parked == 0 and found.documents >= documents, found
    account = case.reconcile()
    assert account.balanced and not account.differences, account.differences
    assert set(account.totals.values()) == {str(found.total)}
    entry.inject([str(one.fault) for one in wire.struck])
    entry.inject({"kill -9 between two statements": struck})
    entry.count(documents=found.documents, runs=runs, business_rows=found.business_rows, doubled=0, lost=0)
    entry.facts[f"{found.documents} documents"] = (
        f"{found.total} on all sides, {len(wire.struck)} broken messages, {runs} runs, {seconds:.0f} s"
    )


def test_a_few_hundred_documents_through_a_storm(
    ground: Ground, empty_case: Case, wire: Wire, uploaders: Uploaders, entry: Entry
) -> None:
    prove(ground, empty_case, wire, uploaders, entry, 240, 0.001, 2)


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_ten_thousand_documents_through_a_storm(
    ground: Ground, empty_case: Case, wire: Wire, uploaders: Uploaders, entry: Entry
) -> None:
    prove(ground, empty_case, wire, uploaders, entry, 10_000, 0.0003, 12)
