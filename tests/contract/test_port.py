"""The promises of the port to the centre, kept by the fake and by a real database alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fallback_server.domain.datasets import DATASETS
from sync.central.gateway import IntegrityAlarm, LookFailed, OutcomeUnknown, Refused, Systemic, Unreachable
from tests.contract.centres import THEM, US, Centre, charge
from tests.contract.proxy import Cut

OPENED = "2026-11-22T08:00:00.000+08:00"


@pytest.fixture
def open_centre(centre: Centre) -> Centre:
    """A centre at which our incident 1 is registered."""
    centre.gateway.register_incident(US, 1, 1, OPENED)
    return centre


def department(code: str) -> dict[str, Any]:
    return {"department_code": code, "name": "内科", "kind": "outpatient", "location": None, "active": 1}


def test_a_document_arrives_once_with_its_key_in_the_ledger(open_centre: Centre) -> None:
    applied = open_centre.gateway.apply(charge(1))
    row = open_centre.gateway.ledger_find([charge(1).ledger.yj_id])[charge(1).ledger.yj_id]
    assert applied.central_key and not applied.repeated
    assert row == replace(charge(1).ledger, central_key=applied.central_key)
    assert open_centre.arrived() == [charge(1).ledger.yj_no]


def test_the_same_document_again_is_answered_from_the_ledger(open_centre: Centre) -> None:
    first = open_centre.gateway.apply(charge(1))
    second = open_centre.gateway.apply(charge(1))
    assert second.repeated and second.central_key == first.central_key
    assert len(open_centre.arrived()) == 1


def test_the_same_identity_with_other_contents_is_an_alarm(open_centre: Centre) -> None:
    open_centre.gateway.apply(charge(1))
    with pytest.raises(IntegrityAlarm):
        open_centre.gateway.apply(charge(1, total="13.00"))
    assert len(open_centre.arrived()) == 1


def test_the_same_sequence_under_another_identity_is_an_alarm(open_centre: Centre) -> None:
    open_centre.gateway.apply(charge(1))
    other = charge(2)
    with pytest.raises(IntegrityAlarm):
        open_centre.gateway.apply(replace(other, ledger=replace(other.ledger, sequence=1)))
    assert len(open_centre.arrived()) == 1


def test_a_rehearsal_leaves_nothing(open_centre: Centre) -> None:
    assert open_centre.gateway.apply(charge(1), rehearse=True).central_key
    assert open_centre.arrived() == []
    assert open_centre.gateway.ledger_find([charge(1).ledger.yj_id]) == {}
    assert not open_centre.gateway.apply(charge(1)).repeated


def test_a_refused_document_leaves_nothing_and_says_what_the_centre_has(open_centre: Centre) -> None:
    open_centre.use_receipt("A0000017")
    with pytest.raises(Refused) as refused:
        open_centre.gateway.apply(charge(1, receipt_no="A0000017"))
    assert refused.value.code == "receipt_no_used"
    assert refused.value.central["receipt_no"] == "A0000017"
    assert open_centre.arrived() == []
    assert open_centre.gateway.ledger_find([charge(1).ledger.yj_id]) == {}


def test_a_lost_answer_to_a_commit_is_unknown_and_the_ledger_knows_it_arrived(open_centre: Centre) -> None:
    open_centre.cut(Cut.AFTER_COMMIT)
    with pytest.raises(OutcomeUnknown):
        open_centre.gateway.apply(charge(1))
    assert charge(1).ledger.yj_id in open_centre.gateway.ledger_find([charge(1).ledger.yj_id])
    assert open_centre.gateway.apply(charge(1)).repeated
    assert len(open_centre.arrived()) == 1


def test_a_commit_that_never_arrived_is_unknown_and_the_ledger_knows_it_did_not(open_centre: Centre) -> None:
    open_centre.cut(Cut.BEFORE_COMMIT)
    with pytest.raises(OutcomeUnknown):
        open_centre.gateway.apply(charge(1))
    assert open_centre.gateway.ledger_find([charge(1).ledger.yj_id]) == {}
    assert not open_centre.gateway.apply(charge(1)).repeated
    assert len(open_centre.arrived()) == 1


def test_an_unregistered_incident_is_fenced(centre: Centre) -> None:
    with pytest.raises(Refused, match="incident") as refused:
        centre.gateway.apply(charge(1))
    assert refused.value.code == "fenced"
    assert centre.arrived() == []


def test_a_closed_incident_is_fenced_until_it_is_registered_again(open_centre: Centre) -> None:
    open_centre.gateway.close_incident(US, 1, "2026-11-22T18:00:00.000+08:00")
    with pytest.raises(Refused) as refused:
        open_centre.gateway.apply(charge(1))
    assert refused.value.code == "fenced"
    open_centre.gateway.register_incident(US, 1, 1, OPENED)
    open_centre.gateway.apply(charge(1))


def test_another_installation_with_an_open_incident_keeps_us_out(open_centre: Centre) -> None:
    with pytest.raises(Refused) as refused:
        open_centre.gateway.register_incident(THEM, 1, 9, OPENED)
    assert refused.value.code == "fenced"
    open_centre.gateway.close_incident(US, 1, OPENED)
    open_centre.gateway.register_incident(THEM, 1, 9, OPENED)


def test_registering_again_is_harmless_but_not_with_an_older_epoch(centre: Centre) -> None:
    centre.gateway.register_incident(US, 1, 5, OPENED)
    centre.gateway.register_incident(US, 1, 5, OPENED)
    for incident_no, epoch in ((1, 3), (2, 3)):
        with pytest.raises(Refused) as refused:
            centre.gateway.register_incident(US, incident_no, epoch, OPENED)
        assert refused.value.code == "fenced"


def test_a_newer_incident_does_not_shut_out_the_older_one(centre: Centre) -> None:
    centre.gateway.register_incident(US, 1, 1, OPENED)
    centre.gateway.register_incident(US, 2, 4, OPENED)
    centre.gateway.register_incident(US, 1, 1, OPENED)
    centre.gateway.apply(charge(1))


def test_a_signed_incident_is_opened_again_beside_a_younger_one_of_ours_only(centre: Centre) -> None:
    centre.gateway.register_incident(US, 1, 1, OPENED)
    centre.gateway.close_incident(US, 1, "2026-11-22T18:00:00.000+08:00")
    centre.gateway.register_incident(US, 2, 4, OPENED)
    centre.gateway.register_incident(US, 1, 1, OPENED)
    centre.gateway.apply(charge(1))
    for number in (1, 2):
        centre.gateway.close_incident(US, number, "2026-11-22T19:00:00.000+08:00")
    centre.gateway.register_incident(THEM, 3, 9, OPENED)
    with pytest.raises(Refused):
        centre.gateway.register_incident(US, 1, 1, OPENED)


def test_a_linked_document_enters_the_ledger_only(open_centre: Centre) -> None:
    assert open_centre.gateway.apply_link(charge(1), "4711").central_key == "4711"
    assert open_centre.gateway.apply_link(charge(1), "4711").repeated
    assert open_centre.gateway.ledger_find([charge(1).ledger.yj_id])[charge(1).ledger.yj_id].central_key == "4711"
    assert open_centre.arrived() == []


def test_a_link_is_taken_out_of_the_ledger_with_exactly_its_key_and_may_be_made_again(open_centre: Centre) -> None:
    linked = charge(1)
    open_centre.gateway.apply_link(linked, "4711")
    assert not open_centre.gateway.take_link_back(linked.ledger, "4712")
    assert open_centre.gateway.take_link_back(linked.ledger, "4711")
    assert not open_centre.gateway.take_link_back(linked.ledger, "4711")
    assert open_centre.gateway.ledger_find([linked.ledger.yj_id]) == {}
    assert open_centre.gateway.apply_link(linked, "4712").central_key == "4712"


def test_a_new_epoch_fences_whoever_still_holds_the_old_one(open_centre: Centre) -> None:
    (known,) = open_centre.gateway.known_incidents()
    assert (known.installation_id, known.incident_no, known.closed_at) == (US, 1, None)
    open_centre.gateway.renew_fence(US, 1, known.epoch + 7)
    open_centre.gateway.renew_fence(US, 99, 5)  # not known there: nothing to do
    (after,) = open_centre.gateway.known_incidents()
    assert after.epoch == known.epoch + 7
    open_centre.gateway.register_incident(US, 1, after.epoch, OPENED)
    with pytest.raises(Refused) as refused:
        open_centre.gateway.register_incident(US, 1, known.epoch, OPENED)
    assert refused.value.code == "fenced"


def test_ledger_rows_come_by_sequence_for_one_installation_and_incident(open_centre: Centre) -> None:
    open_centre.gateway.register_incident(US, 2, 4, OPENED)
    for number in (3, 1):
        open_centre.gateway.apply(charge(number))
    open_centre.gateway.apply(charge(2, incident_no=2))
    assert [row.sequence for row in open_centre.gateway.ledger_rows(US)] == [1, 2, 3]
    assert [row.sequence for row in open_centre.gateway.ledger_rows(US, 1)] == [1, 3]
    assert list(open_centre.gateway.ledger_rows(THEM)) == []
    assert (open_centre.gateway.ledger_head(US), open_centre.gateway.ledger_head(THEM)) == (3, 0)


def test_a_snapshot_does_not_see_what_comes_later(centre: Centre) -> None:
    centre.set_departments([department("01"), department("02")])
    with centre.gateway.snapshot() as snapshot:
        centre.set_departments([department("03")])
        codes = [row["department_code"] for row in snapshot.rows("department", {"from_code": "00"})]
    assert codes == ["01", "02"]
    with centre.gateway.snapshot() as snapshot:
        assert [row["department_code"] for row in snapshot.rows("department", {"from_code": "00"})] == ["03"]


def test_pages_hold_tuples_in_the_order_of_the_dataset_and_none_is_empty(centre: Centre) -> None:
    centre.set_departments([department(f"{number:04d}") for number in range(6001)])
    with centre.gateway.snapshot() as snapshot:
        pages = list(snapshot.pages("department", {"from_code": "0000"}))
    # About five thousand rows, or a megabyte where the database sends text.
    assert pages and all(0 < len(page) <= 50_000 for page in pages)
    rows = [row for page in pages for row in page]
    assert [row[0] for row in rows] == [f"{number:04d}" for number in range(6001)]
    assert dict(zip(DATASETS["department"].names, rows[0], strict=True))["kind"] == "outpatient"


def test_what_the_mapping_does_not_have_is_systemic(centre: Centre) -> None:
    assert centre.gateway.has("upload/find_charge") and not centre.gateway.has("upload/find_refund")
    with pytest.raises(Systemic):
        centre.gateway.ask("upload/find_refund", {"yj_no": "x"})
    with pytest.raises(Systemic):
        centre.gateway.tell("upload/nothing", {})
    with centre.gateway.snapshot() as snapshot, pytest.raises(Systemic):
        list(snapshot.pages("drug"))


def test_questions_are_answered_and_statements_run(open_centre: Centre) -> None:
    open_centre.gateway.apply(charge(1))
    assert len(open_centre.gateway.ask("upload/find_charge", {"yj_no": charge(1).ledger.yj_no})) == 1
    assert open_centre.gateway.ask("upload/find_charge", {"yj_no": "none"}) == []
    assert open_centre.gateway.tell("upload/advance_receipt_book", {"operator_code": "C01", "next_no": "120"}) == 1


def test_a_centre_that_is_gone_is_unreachable_and_comes_back_by_itself(open_centre: Centre) -> None:
    open_centre.go_down()
    for call in (
        open_centre.gateway.probe,
        lambda: open_centre.gateway.apply(charge(1)),
        lambda: open_centre.gateway.ledger_find(["x"]),
        lambda: open_centre.gateway.ask("upload/find_charge", {"yj_no": "x"}),
    ):
        with pytest.raises(Unreachable):
            call()
    with pytest.raises(LookFailed):
        list(open_centre.gateway.look())
    open_centre.come_back()
    assert abs(open_centre.gateway.probe().clock_offset_seconds) < 30
    open_centre.gateway.apply(charge(1))
    assert len(open_centre.arrived()) == 1


def test_a_look_goes_step_by_step_and_leaves_nothing_behind(open_centre: Centre) -> None:
    found = [step for _ in range(2) for step in open_centre.gateway.look()]
    read = next(step for step in found if step.step == "read")
    assert read.version and read.clock_offset_seconds is not None and abs(read.clock_offset_seconds) < 30
    steps = [step.step for step in found[: len(found) // 2]]
    assert steps == [step for step in ("tcp", "login", "read", "write") if step in steps]
    assert {"login", "read"} <= set(steps) and all(step.seconds >= 0 for step in found)
    # What may not be tried is said; the ledger does not know the row that was taken back.
    assert ("write" in steps) is not bool(read.note)
    assert open_centre.gateway.ledger_find(["yj-look"]) == {}
