"""The parts of the demo that judge and choose: a check that cannot fail proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert, text, update

from clients.console.demo import chaos, decide, plan
from clients.console.demo.check import check
from clients.console.demo.journal import Journal
from clients.console.supervise import LONGEST_WAIT, restart_wait
from sync.reference_his import schema

Tables = dict[str, dict[str, Any]]
CHARGE, REFUND, PATIENT = "01CHARGE", "01REFUND", "01PATIENT"


@pytest.fixture
def centre(tmp_path: Path) -> str:
    """A centre with one patient, one charge and its part refund of ours, and a charge of its own."""
    url = f"sqlite:///{tmp_path / 'his.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        schema.create_tables(connection)
        connection.execute(
            text("CREATE TABLE yj_ledger (yj_id TEXT, entity TEXT, amount NUMERIC, central_key TEXT, yj_no TEXT)")
        )
        connection.execute(insert(schema.br_da).values(brxh=1, brxm="王芳", yjbz="1", yjlsh="YJ1"))
        connection.execute(insert(schema.sf_zb).values(sfxh=1, zje="10.00", yjbz="1", yjlsh="YJ2"))
        connection.execute(insert(schema.sf_zb).values(sfxh=2, zje="-4.00", tfxh=1, yjbz="1", yjlsh="YJ3"))
        connection.execute(insert(schema.sf_zb).values(sfxh=3, zje="99.00"))
        for yj_id, row in outbox().items():
            values = {"yj_id": yj_id, "entity": row["entity"], "amount": row["amount"], "yj_no": row["yj_no"]}
            connection.execute(text("INSERT INTO yj_ledger VALUES (:yj_id, :entity, :amount, '1', :yj_no)"), values)
    engine.dispose()
    return url


def outbox() -> Tables:
    rows = [(PATIENT, "patient", "YJ1", "0.00"), (CHARGE, "charge", "YJ2", "10.00"), (REFUND, "refund", "YJ3", "-4.00")]
    return {
        yj_id: {"yj_id": yj_id, "entity": entity, "state": "confirmed", "yj_no": no, "amount": amount, "sequence": n}
        for n, (yj_id, entity, no, amount) in enumerate(rows, start=1)
    }


def journal() -> Journal:
    told = Journal()
    for yj_id, row in outbox().items():
        told.add(yj_id, row["entity"], row["amount"])
    return told


def test_a_sound_return_passes_and_the_sum_is_the_centres(centre: str) -> None:
    verdict = check(journal(), outbox(), centre)
    assert verdict.problems == [] and str(verdict.centre_total) == "6.00" and verdict.documents == 3


def change(url: str, work: Callable[[Connection], object]) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        work(connection)
    engine.dispose()


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda c: c.execute(insert(schema.sf_zb).values(sfxh=9, zje="10.00", yjbz="1", yjlsh="YJ2")), "2 times"),
        (lambda c: c.execute(schema.sf_zb.delete().where(schema.sf_zb.c.sfxh == 1)), "does not have it"),
        (lambda c: c.execute(update(schema.sf_zb).where(schema.sf_zb.c.sfxh == 1).values(zje="11.00")), "11.00"),
        (lambda c: c.execute(text("DELETE FROM yj_ledger WHERE entity = 'refund'")), "ledger does not have it"),
        (lambda c: c.execute(text("UPDATE yj_ledger SET amount = 12 WHERE entity = 'charge'")), "12"),
        (lambda c: c.execute(insert(schema.br_da).values(brxh=7, brxm="?", yjbz="1", yjlsh="YJ99")), "YJ99"),
    ],
)
def test_whatever_is_wrong_at_the_centre_is_found(centre: str, work: Callable[[Connection], object], said: str) -> None:
    change(centre, work)
    assert any(said in problem for problem in check(journal(), outbox(), centre).problems)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: rows.pop(CHARGE), "not in the outbox"),
        (lambda rows: rows[CHARGE].update(state="pending"), "is pending"),
        (lambda rows: rows[CHARGE].update(amount="1.00"), "was told"),
        (lambda rows: rows.update(X={**rows[CHARGE], "yj_no": "YJ8", "sequence": 4}), "no window was told"),
        (lambda rows: rows[REFUND].update(sequence=7), "gap"),
    ],
)
def test_whatever_is_wrong_in_the_outbox_is_found(centre: str, spoil: Callable[[Tables], object], said: str) -> None:
    rows = outbox()
    spoil(rows)
    assert any(said in problem for problem in check(journal(), rows, centre).problems)


def test_two_acts_with_one_identity_are_found() -> None:
    told = journal()
    told.add(CHARGE, "charge", "10.00")  # the same answer again, after a retry
    with pytest.raises(ValueError, match="twice"):
        told.add(CHARGE, "charge", "12.00")


def test_the_same_seed_plays_the_same_visits_and_every_special_case() -> None:
    first, second = plan.draw(60, 7), plan.draw(60, 7)
    assert [case.wishes for case in first] == [case.wishes for case in second]
    assert {wish for case in first for wish in case.wishes} >= set(plan.FIRST)
    assert all(len(case.wishes & set(plan.WAYS)) <= 1 for case in plan.draw(400, 1))


def test_kills_are_planned_by_seed_and_struck_once() -> None:
    assert chaos.schedule(10, 5).kills == chaos.schedule(10, 5).kills
    told = chaos.Chaos([chaos.Kill("work", 0.5, "serve")])
    struck: list[str] = []
    for fraction in (0.2, 0.5, 0.6):
        told.at("work", fraction, lambda target: struck.append(target) is None)
    told.at("upload", 0.9, lambda target: struck.append(target) is None)
    assert struck == ["serve"]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("patient_match", "link"),
        ("receipt_no_used", "retry_without_receipt"),
        ("prescription_already_paid", "retry_unsettled"),
        ("doubt_charged_twice", "noted"),
        ("something_new", "retry"),
    ],
)
def test_persons_decide_by_kind(kind: str, wanted: str) -> None:
    choice = next((one for begin, one in decide.CHOICES.items() if kind.startswith(begin)), decide.DEFAULT)
    assert choice[0][0] == wanted


def test_a_part_that_keeps_dying_is_started_ever_more_slowly() -> None:
    waits = [restart_wait(deaths) for deaths in range(1, 12)]
    assert waits == sorted(waits) and waits[0] < 1 and waits[-1] == LONGEST_WAIT
