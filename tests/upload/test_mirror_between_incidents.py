"""The mirror between incidents, line by line as 1-system.md has it: real windows, a real upload, one centre."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from config.sections import Mirror
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.datasets import MASTER_DATASETS, OPEN_DATASETS
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import mirrored_id
from fallback_server.store.mirror import datasets, delta
from fallback_server.store.mode import incident
from fallback_server.store.mode_switch import release
from fallback_server.store.outbox import outbox
from sync.central.fake import FakeCentral
from sync.central.gateway import OutcomeUnknown, Refused
from sync.mirror.refresh import refresh
from sync.mirror.rollback import go_back
from sync.mirror.run import RunReport
from sync.upload.report import UploadReport
from sync.upload.run import run_upload
from tests.fixtures_hospital import ADMIN, Hospital
from tests.fixtures_return import Rules
from tests.mirror.cast import mirrored
from tests.windows.money_cast import RX_UNPAID, charge, items

MASTERS, OPEN = set(MASTER_DATASETS), set(OPEN_DATASETS)
RULES = Mirror()


@pytest.fixture
def centre(hospital: Hospital) -> FakeCentral:
    """The cast's centre, mirrored, with the questions an upload asks."""
    made = mirrored(hospital)
    for name in ("match_patient", "advance_receipt_book", "settle_check_prescription"):
        made.answers[f"upload/{name}"] = []
    for name in ("charge", "registration", "patient"):
        made.answers[f"blind_window/{name}"] = []
    made.answers["verify/greatest_key"] = lambda binds: [
        {"dataset": "patient", "greatest_key": max(one["patient_no"] for one in made.datasets["patient"])}
    ]
    return made


def mirror(hospital: Hospital, centre: FakeCentral, *names: str) -> RunReport:
    return refresh(hospital.store, centre, RULES, names or None)


def went_on(hospital: Hospital, centre: FakeCentral) -> set[str]:
    """The datasets that a run of everything publishes now."""
    return set(mirror(hospital, centre).counts)


def upload(hospital: Hospital, centre: FakeCentral, number: int | None = None) -> UploadReport:
    return run_upload(hospital.store, centre, Rules(), number, pause=hospital.clock.advance)


def states(hospital: Hospital) -> list[str]:
    with hospital.store.reading() as tx:
        return list(tx.conn.execute(select(outbox.c.state).order_by(outbox.c.sequence)).scalars())


def a_charge(hospital: Hospital) -> str:
    made = charge(hospital.window("cashier"), items(("F001", 1)))
    assert made.status == 201, made.json
    return str(made.json["id"])


def test_the_whole_life_of_an_outage(hospital: Hospital, centre: FakeCentral) -> None:
    assert went_on(hospital, centre) == MASTERS | OPEN
    hospital.emergency()
    assert went_on(hospital, centre) == set()  # frozen in whole-hospital YJ
    hospital.clock.advance(60)
    a_charge(hospital)
    hospital.back(grace=120)
    assert went_on(hospital, centre) == set()  # returning is not normal
    with pytest.raises(YjError, match="wrong_state"):
        go_back(hospital.store, "0801")
    release_now(hospital)
    assert went_on(hospital, centre) == set()  # normal, but the centre has not passed its check
    centre.fail_next("at_commit", OutcomeUnknown("answer lost"))
    centre.reachable = True
    first = upload(hospital, centre)
    assert first.state == "done" and states(hospital) == ["confirmed"]
    assert went_on(hospital, centre) == MASTERS | OPEN


def release_now(hospital: Hospital) -> None:
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        release(tx, "test")


def test_masters_go_on_with_the_check_and_open_work_when_nothing_is_on_its_way(
    hospital: Hospital, centre: FakeCentral
) -> None:
    hospital.emergency()
    for _ in range(2):
        a_charge(hospital)
    hospital.back()
    hospital.clock.advance(60)
    # The centre passes its check, takes one document and is gone again: the other is still here.
    seen: list[int] = []

    def apply_one(outgoing: Any, *, rehearse: bool = False) -> Any:
        if seen:
            centre.reachable = False
        seen.append(1)
        return FakeCentral.apply(centre, outgoing, rehearse=rehearse)

    centre.apply = apply_one  # type: ignore[method-assign]
    assert upload(hospital, centre).state == "stopped"
    del centre.apply
    centre.reachable = True
    assert sorted(states(hospital)) == ["confirmed", "pending"]
    assert went_on(hospital, centre) == MASTERS
    assert [p["kind"] for p in mirror(hospital, centre, *OPEN).problems] == ["frozen_returning"]
    upload(hospital, centre)
    assert went_on(hospital, centre) == MASTERS | OPEN


def test_a_rewound_centre_is_not_copied(hospital: Hospital, centre: FakeCentral) -> None:
    """Last night's backup came back: the newest patient is gone. Nothing is read until two people approved that."""
    newest = centre.datasets["patient"][-1]
    hospital.emergency()
    a_charge(hospital)
    hospital.back()
    centre.datasets["patient"] = centre.datasets["patient"][:-1]
    report = upload(hospital, centre)
    assert (report.state, report.code) == ("refused", "rewound")
    assert went_on(hospital, centre) == set()
    with hospital.store.reading() as tx:
        kept = set(tx.conn.execute(select(datasets["patient"].c.patient_no)).scalars())
    assert newest["patient_no"] in kept


def test_what_was_paid_here_stays_paid(hospital: Hospital, centre: FakeCentral) -> None:
    """Its charge waits for a person, the centre still says unpaid, and the mirror goes on: nobody pays twice."""
    hospital.emergency()
    window = hospital.window("cashier")
    assert (
        charge(window, {"patient_id": mirrored_id("patient", "P1003"), "prescription_ids": [RX_UNPAID]}).status == 201
    )
    hospital.back()
    hospital.clock.advance(60)
    centre.refuse("charge", Refused("changed_at_centre", "somebody changed it"))
    upload(hospital, centre)
    assert states(hospital) == ["conflict"]
    assert went_on(hospital, centre) == MASTERS | OPEN
    with hospital.store.reading() as tx:
        table = datasets["open_prescription"]
        assert tx.conn.execute(select(table.c.status).where(table.c.id == RX_UNPAID)).scalar() == "unpaid"
    assert window.get(f"/prescriptions/{RX_UNPAID}").json["status"] == "paid"
    hospital.emergency()
    again = window.post(
        "/charges/quote", {"patient_id": mirrored_id("patient", "P1003"), "prescription_ids": [RX_UNPAID]}
    )
    assert again.code == "already_paid"


def test_partial_scope_keeps_masters_going_all_the_time(hospital: Hospital, centre: FakeCentral) -> None:
    hospital.emergency(["NK"])
    assert went_on(hospital, centre) == MASTERS | OPEN  # the rest of the hospital works at the centre
    slip = hospital.window("registrar").post(
        "/registrations",
        {
            "patient_id": hospital.window("registrar").get("/patients", q="P1001").json["items"][0]["id"],
            "department_code": "NK", "type_code": "MF", "payments": [],
        },
    )  # fmt: skip
    assert slip.status == 201, slip.json
    assert went_on(hospital, centre) == MASTERS
    hospital.back()
    assert went_on(hospital, centre) == MASTERS  # they never stopped: there is nothing to compare first
    hospital.clock.advance(60)
    upload(hospital, centre)
    assert went_on(hospital, centre) == MASTERS | OPEN


def test_a_second_outage_while_the_first_is_uploading(hospital: Hospital, centre: FakeCentral) -> None:
    first = hospital.emergency()
    for _ in range(3):
        a_charge(hospital)
    hospital.back()
    hospital.clock.advance(60)
    taken: list[int] = []

    def apply_then_outage(outgoing: Any, *, rehearse: bool = False) -> Any:
        done = FakeCentral.apply(centre, outgoing, rehearse=rehearse)
        taken.append(outgoing.ledger.incident_no)
        if len(taken) == 1:
            hospital.emergency()
        return done

    centre.apply = apply_then_outage  # type: ignore[method-assign]
    report = upload(hospital, centre)
    assert (report.state, report.code) == ("stopped", "new_incident")
    assert "pending" in states(hospital) and "sending" not in states(hospital)[1:]
    assert went_on(hospital, centre) == set()
    a_charge(hospital)
    hospital.clock.advance(60)
    hospital.back()
    hospital.clock.advance(60)
    assert went_on(hospital, centre) == set()  # the check before this outage proves nothing
    centre.apply = FakeCentral.apply.__get__(centre)  # type: ignore[method-assign]
    oldest = upload(hospital, centre)  # without a number: the oldest first
    assert oldest.incident_no == first and oldest.state == "done"
    assert went_on(hospital, centre) == MASTERS  # compared, but the second one's are on their way
    assert upload(hospital, centre).state == "done" and set(states(hospital)) == {"confirmed"}
    assert went_on(hospital, centre) == MASTERS | OPEN


def test_the_generation_of_an_incident_stays_until_it_is_closed(hospital: Hospital, centre: FakeCentral) -> None:
    few = Mirror(generations_kept=2)
    used = mirror(hospital, centre).generation
    assert used is not None
    number = hospital.emergency()
    a_charge(hospital)
    hospital.back()
    hospital.clock.advance(60)
    upload(hospital, centre)
    for _ in range(5):
        refresh(hospital.store, centre, few, ["department"])
    assert kept(hospital) >= set(range(used + 1, used + 6))
    with hospital.store.reading() as tx:
        pinned = tx.conn.execute(select(incident.c.generation).where(incident.c.incident_no == number)).scalar_one()
    assert pinned == used
    for expected in range(used + 4, used - 1, -1):
        assert go_back(hospital.store, "0801") == expected
    with pytest.raises(YjError, match="wrong_state"):
        go_back(hospital.store, "0801")


def kept(hospital: Hospital) -> set[int]:
    with hospital.store.reading() as tx:
        return set(tx.conn.execute(select(delta.c.generation).distinct()).scalars())


def test_the_blind_window_begins_with_the_oldest_data_of_the_last_generation(
    hospital: Hospital, centre: FakeCentral
) -> None:
    began = hospital.clock.now()
    mirror(hospital, centre)
    hospital.clock.advance(600)
    mirror(hospital, centre, *OPEN)
    hospital.clock.advance(60)
    centre.datasets["drug"] = []
    assert mirror(hospital, centre, *MASTERS).state == "held"  # a run that published nothing moves nothing
    number = hospital.emergency()
    with hospital.store.reading() as tx:
        found = tx.conn.execute(
            select(incident.c.generation_as_of).where(incident.c.incident_no == number)
        ).scalar_one()
    assert found == to_text(began)


def test_the_blind_window_is_told_by_the_centres_clock(hospital: Hospital, centre: FakeCentral) -> None:
    centre.clock_offset_seconds = -200
    began = hospital.clock.now()
    mirror(hospital, centre)
    hospital.clock.advance(300)
    hospital.emergency()
    a_charge(hospital)
    hospital.clock.advance(60)
    hospital.back()
    hospital.clock.advance(60)
    asked: list[dict[str, Any]] = []
    centre.answers["blind_window/charge"] = lambda binds: asked.append(dict(binds)) or []
    centre.clock_offset_seconds = 100  # somebody corrected it meanwhile
    upload(hospital, centre)
    assert asked[0]["since"] == to_text(began - timedelta(seconds=200) - timedelta(minutes=10))
    ahead = (from_text(asked[0]["until"]) - hospital.clock.now()).total_seconds()
    assert 95 <= ahead <= 101
