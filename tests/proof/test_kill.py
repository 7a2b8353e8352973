"""杀进程 kill -9 of the uploader at every numbered place.

A real uploader process gets SIGKILL at each crash point of each document, at the beginning of each step of the run, and
at boundaries between any two statements or commits of the standby's or the centre's database. Then the upload is run
again by another process.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.proof.record import Entry
from tests.proof.stage import Case, Ground
from tests.proof.uploader import Uploaders

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]
STRIDE = 37  # of the boundaries of a run, of which there are more than a thousand
POINTS = ("claimed", "applied", "confirmed")


def undisturbed(ground: Ground, uploaders: Uploaders) -> dict[str, Any]:
    """What a run passes when nobody disturbs it: steps, points, statements."""
    case = ground.case()
    try:
        (whole,) = uploaders.run(case.order())
        assert whole.report["complete"] and whole.told["steps"][0] == "preflight", whole.report
        assert whole.told["points"] == dict.fromkeys(POINTS, len(ground.made))
        return whole.told
    finally:
        ground.drop(case)


def finish(case: Case, uploaders: Uploaders, entry: Entry, documents: int) -> None:
    """A last run that nobody disturbs; then both sides agree."""
    (ended,) = uploaders.run(case.order())
    assert ended.report["complete"], ended.report
    found = case.balance()
    assert (found.documents, found.parked) == (documents, 0), found
    entry.count(cases=1, documents=documents, doubled=0, lost=0)


def killed_at(ground: Ground, uploaders: Uploaders, entry: Entry, name: str, **place: Any) -> None:
    """Killed once at one place of a fresh copy."""
    case = ground.case()
    try:
        (ended,) = uploaders.run(case.order(**place))
        assert ended.killed, place
        case.balance(final=False)
        entry.inject([f"kill -9 {name}"])
        finish(case, uploaders, entry, len(ground.made))
    finally:
        ground.drop(case)


def test_killed_in_every_run_at_another_place_until_all_is_back(
    case: Case, uploaders: Uploaders, entry: Entry, ground: Ground
) -> None:
    """One run dies at the beginning of each step; then runs die at each crash point and between statements."""
    lot, steps = random.Random(3), undisturbed(ground, uploaders)["steps"]
    sent = steps.index("send") + 1
    places: list[dict[str, Any]] = [{"step": name} for name in steps[:sent]]
    places += [{"point": [name, n]} for n in (1, 2) for name in POINTS]
    places += [{"boundary": lot.randrange(200, 600)} for _ in range(6)]
    places += [{"step": name} for name in steps[sent:]]
    for place in places:
        (ended,) = uploaders.run(case.order(**place))
        case.balance(final=False)
        assert ended.killed or ended.report["complete"]
        kind = next(iter(place))
        entry.inject([f"kill -9 at a {kind}"] if ended.killed else [])
    finish(case, uploaders, entry, len(ground.made))


def test_killed_between_a_lost_answer_and_the_question_to_the_ledger(
    case: Case, uploaders: Uploaders, entry: Entry, ground: Ground
) -> None:
    """The crash point `failed`: the connection broke, and then the process dies too."""
    from tests.proof.wire import Fault, Wire

    with_wire = Wire(ground.server.port)
    try:
        seen = [0]

        def plan(_number: int, statement: str) -> Fault | None:
            seen[0] += statement.startswith("INSERT INTO yj_ledger")
            return Fault.DROP_AFTER if statement.startswith("COMMIT") and seen[0] in (2, 5) else None

        for _ in range(2):
            with_wire.again(plan)
            order = case.order(point=["failed", 1]) | {"centre": with_wire.address(case.centre_url)}
            (ended,) = uploaders.run(order)
            assert ended.killed
            case.balance(final=False)
            seen[0] += 1
            entry.inject(["kill -9 after a lost answer"])
    finally:
        with_wire.close()
    finish(case, uploaders, entry, len(ground.made))


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", POINTS)
def test_killed_at_every_crash_point_of_every_document(
    ground: Ground, uploaders: Uploaders, entry: Entry, name: str
) -> None:
    for number in range(1, len(ground.made) + 1):
        killed_at(ground, uploaders, entry, f"at the crash point {name}", point=[name, number])


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_killed_at_the_beginning_of_every_step(ground: Ground, uploaders: Uploaders, entry: Entry) -> None:
    for name in undisturbed(ground, uploaders)["steps"]:
        killed_at(ground, uploaders, entry, "at the beginning of a step", step=name)


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_killed_between_any_two_statements(ground: Ground, uploaders: Uploaders, entry: Entry) -> None:
    boundaries = int(undisturbed(ground, uploaders)["boundaries"])
    entry.facts["statements and commits of one run"] = str(boundaries)
    for number in range(1, boundaries + 1, STRIDE):
        killed_at(ground, uploaders, entry, "between two statements", boundary=number)


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again_at_random(ground: Ground, uploaders: Uploaders, entry: Entry, seed: int) -> None:
    case, lot = ground.case(), random.Random(seed)
    try:
        for _ in range(25):
            (ended,) = uploaders.run(case.order(boundary=lot.randrange(100, 700)))
            case.balance(final=False)
            entry.inject(["kill -9 between two statements"] if ended.killed else [])
        finish(case, uploaders, entry, len(ground.made))
    finally:
        ground.drop(case)
