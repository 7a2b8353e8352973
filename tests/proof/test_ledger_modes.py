"""台账方式 The same morning at centres that allow no table of ours.

A vendor's procedure, a unique column, or nothing but people stands for the ledger. Uploaders are killed, answers of
commits are lost, two uploaders run at once; what nothing can prove is decided by two people who look at the centre.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from fallback_server.domain.modes import Permit
from fallback_server.store.conflicts import list_conflicts, resolve, show_conflict
from tests.fixtures_return import PAIR
from tests.proof.record import Entry
from tests.proof.stage import RUNS, Case, Ground
from tests.proof.uploader import MAPPING, Uploaders
from tests.proof.wire import Fault, Wire

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]
MODES = ("procedure", "unique-column", "no-ledger")
POINTS = ("claimed", "applied", "confirmed")
STRIDE = 61


@pytest.fixture(params=MODES)
def case(request: pytest.FixtureRequest, ground: Ground) -> Iterator[Case]:
    """A copy with the morning's documents, behind the mapping of one mode."""
    made = ground.case(mapping=MAPPING.with_name(f"reference-{request.param}"))
    yield made
    ground.drop(made)


def look_and_decide(case: Case) -> int:
    """Two people look what the centre shows, and link or send again. Returns how many items they decided."""
    store = case.store()
    try:
        with store.reading() as tx:
            items = [show_conflict(tx.conn, one["id"]) for one in list_conflicts(tx.conn, 1, only_open=True)]
        for item in items:
            assert item["kind"] in ("outcome_unknown", "maybe_there"), item
            key = item["central"].get("central_key")
            with store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
                resolve(tx, item["id"], "link" if key else "retry_not_there", "looked at the centre", key)
        return len(items)
    finally:
        store.close()


def go_on_until_done(case: Case, uploaders: Uploaders) -> tuple[int, int]:
    """Run after run, and people where they are asked. Returns (runs, decisions)."""
    decided = 0
    for number in range(1, RUNS + 1):
        (ended,) = uploaders.run(case.order())
        if ended.report["complete"]:
            return number, decided
        asked = look_and_decide(case)
        assert asked or ended.report["state"] == "stopped", ended.report
        decided += asked
    raise AssertionError(f"{RUNS} runs were not enough: {ended.report}")


def settled(case: Case, uploaders: Uploaders, entry: Entry, ground: Ground) -> None:
    """Everything is there once, both sides agree, and only a centre without any proof asked people."""
    runs, decided = go_on_until_done(case, uploaders)
    found = case.balance()
    assert (found.documents, found.parked) == (len(ground.made), 0), found
    account = case.reconcile()
    assert account.balanced and account.totals["ledger"] is None, account.differences
    entry.count(cases=1, runs=runs, documents=found.documents, doubled=0, lost=0, decisions=decided)


def killed(case: Case, uploaders: Uploaders, entry: Entry, **place: Any) -> None:
    """One run that dies at a place; what it left is whole."""
    (ended,) = uploaders.run(case.order(**place))
    case.balance(final=False)
    entry.inject([f"kill -9 at a {next(iter(place))}"] if ended.killed else [])
    look_and_decide(case)


def test_killed_cut_off_and_run_twice_at_a_time_everything_is_there_once(
    case: Case, uploaders: Uploaders, wire: Wire, entry: Entry, ground: Ground
) -> None:
    lot = random.Random(17)
    for place in ({"point": ["claimed", 2]}, {"point": ["applied", 3]}, {"boundary": lot.randrange(200, 500)}):
        killed(case, uploaders, entry, **place)
    commits = iter(range(10_000))
    wire.again(lambda _, said: Fault.DROP_AFTER if said.startswith("COMMIT") and next(commits) % 5 == 2 else None)
    case.upload(wire.address(case.centre_url))
    wire.settle()
    case.balance(final=False)
    entry.inject([str(one.fault) for one in wire.struck])
    look_and_decide(case)
    for ended in uploaders.run(case.order(), case.order()):
        assert ended.report["state"] in ("done", "stopped"), ended.report
    entry.inject(["two uploaders at once"])
    settled(case, uploaders, entry, ground)


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", MODES)
def test_killed_at_crash_points_and_between_statements(
    ground: Ground, uploaders: Uploaders, entry: Entry, mode: str
) -> None:
    places: list[dict[str, Any]] = [{"point": [name, n]} for name in POINTS for n in range(1, len(ground.made) + 1, 3)]
    places += [{"boundary": n} for n in range(1, 1200, STRIDE)]
    for place in places:
        case = ground.case(mapping=MAPPING.with_name(f"reference-{mode}"))
        try:
            killed(case, uploaders, entry, **place)
            settled(case, uploaders, entry, ground)
        finally:
            ground.drop(case)
