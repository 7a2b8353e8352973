"""The registration desk: numbers, fees, queue states, slips of the centre, cancelling, transferring."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from fallback_server.store.visits import queue_place
from tests.fixtures_hospital import CAST, Hospital, Reply, centre_id

WANG = centre_id("patient", "P1001")
ZHANG = centre_id("patient", "P1003")
CENTRE_VISIT = centre_id("open_registration", "5001")
TEN = [{"method": "cash", "amount": "10.00"}]
VISIT = {"patient_id": WANG, "department_code": "NK", "type_code": "PT", "payments": TEN}
EMPTY_KEY = "01KAJ0000000000000000V1S1T"


def register(hospital: Hospital, who: str = "registrar", **changed: Any) -> Reply:
    return hospital.window(who).post("/registrations", {**VISIT, **changed})


def payload(hospital: Hospital, entity: str) -> dict[str, Any]:
    """The payload of the only document of this entity."""
    [row] = hospital.outbox(entity)
    return dict(json.loads(row["payload"]))


def test_registering_gives_a_number_a_paused_place_and_a_receipt(yj: Hospital) -> None:
    answer = register(yj)
    assert answer.status == 201
    got = answer.json
    assert (got["queue_no"], got["status"], got["origin"]) == (1, "paused", "yj")
    assert got["slip_no"].startswith("YJ261123")
    assert (got["session"], got["visit_kind"], got["department_name"]) == ("am", "outpatient", "内科门诊")
    assert got["allergy"] == "青霉素过敏，头孢类"
    charge = got["charge"]
    assert (charge["total"], charge["receipt_no"]) == ("10.00", "GH00000101")
    assert [(line["item_code"], line["amount"]) for line in charge["lines"]] == [
        ("REG_FEE", "1.00"),
        ("CONSULT_FEE", "9.00"),
    ]
    assert register(yj).json["queue_no"] == 2
    assert register(yj, department_code="EK").json["queue_no"] == 1


def test_the_documents_of_a_registration_go_out_together_and_point_at_each_other(yj: Hospital) -> None:
    got = register(yj, weight_kg=60.5).json
    visit, charge = payload(yj, "registration"), payload(yj, "charge")
    assert visit["yj_id"] == got["id"] and visit["yj_no"] == got["slip_no"]
    assert visit["refs"]["patient"] == {"id": WANG, "origin": "centre", "central_key": "P1001"}
    assert (visit["total"], visit["queue_no"], visit["session"]) == ("10.00", 1, "am")
    assert (visit["weight_kg"], visit["triage_level"], visit["centre_slip_no"]) == ("60.5", None, None)
    assert charge["refs"]["registration"]["id"] == got["id"]
    assert (charge["charge_kind"], charge["total"]) == ("registration", "10.00")


@pytest.mark.parametrize(("level", "status"), [(1, "waiting"), (2, "waiting"), (3, "paused"), (None, "paused")])
def test_triage_levels_one_and_two_never_start_paused(yj: Hospital, level: int | None, status: str) -> None:
    answer = register(yj, department_code="JZ", triage_level=level)
    assert (answer.json["status"], answer.json["visit_kind"]) == (status, "emergency")


def test_a_visit_entered_after_the_fact_is_seen_already(yj: Hospital) -> None:
    assert register(yj, seen=True).json["status"] == "seen"


def test_a_free_number_takes_no_payment_and_no_receipt(yj: Hospital) -> None:
    answer = register(yj, type_code="MF", payments=[])
    assert (answer.status, answer.json["total"]) == (201, "0.00")
    assert answer.json["charge"]["receipt_no"] is None
    assert register(yj, type_code="MF").code == "payments_mismatch"


def test_the_schedule_gives_doctor_and_session_and_overselling_only_warns(yj: Hospital) -> None:
    thirty = [{"method": "cash", "amount": "30.00"}]
    first = register(yj, type_code="ZJ", schedule_id="S1", payments=thirty).json
    assert (first["staff_code"], first["staff_name"], first["session"], first["warnings"]) == (
        "D301",
        "李建国",
        "am",
        [],
    )
    second = register(yj, type_code="ZJ", schedule_id="S1", payments=thirty, patient_id=ZHANG)
    assert second.status == 201
    oversold = next(warning for warning in second.json["warnings"] if warning["code"] == "oversold")
    assert (oversold["sold"], oversold["capacity"]) == (2, 2)
    assert oversold["as_of"] == "2026-11-23T08:00:00.000+08:00"
    assert register(yj, department_code="EK", schedule_id="S1").code == "invalid_request"


def test_a_second_visit_in_the_same_department_is_told(yj: Hospital) -> None:
    register(yj)
    assert [warning["code"] for warning in register(yj).json["warnings"]] == ["registered_already"]
    told = register(yj, patient_id=ZHANG).json["warnings"]
    assert [(warning["code"], warning["slip_no"]) for warning in told] == [("registered_already", "GH20261123012")]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"patient_id": "nobody"}, "patient_not_found"),
        ({"department_code": "XX"}, "unknown_department"),
        ({"department_code": "LNK"}, "inactive"),
        ({"department_code": "XYF"}, "invalid_request"),
        ({"type_code": "XX"}, "unknown_register_type"),
        ({"staff_code": "XX"}, "unknown_staff"),
        ({"staff_code": "D304"}, "inactive"),
        ({"schedule_id": "XX"}, "unknown_schedule"),
        ({"payments": []}, "payments_mismatch"),
        ({"payments": [{"method": "wechat", "amount": "10.01", "reference": "1"}]}, "payments_mismatch"),
        ({"payments": [{"method": "cash", "amount": 10}]}, "invalid_request"),
        ({"triage_level": 0}, "invalid_request"),
        ({"triage_level": 1.0}, "invalid_request"),
        ({"weight_kg": -3}, "invalid_request"),
        ({"weight_kg": "heavy"}, "invalid_request"),
        ({"session": "noon"}, "invalid_request"),
        ({"colour": "red"}, "invalid_request"),
        ({"receipt_no": "GH999"}, "receipt_no_mismatch"),
    ],
)
def test_what_is_filled_in_wrongly_is_refused_and_changes_nothing(
    yj: Hospital, changed: dict[str, object], code: str
) -> None:
    assert register(yj, **changed).code == code
    assert yj.outbox() == []
    assert register(yj).json["queue_no"] == 1


def test_a_window_that_lost_the_answer_gets_the_same_visit_again(yj: Hospital) -> None:
    window = yj.window("registrar")
    first, second = (window.post("/registrations", VISIT, key=EMPTY_KEY) for _ in range(2))
    assert (first.status, second.status, first.json) == (201, 201, second.json)
    assert first.json["id"] == EMPTY_KEY and second.headers["Idempotency-Replayed"] == "true"
    assert (
        window.post("/registrations", {**VISIT, "department_code": "EK"}, key=EMPTY_KEY).code
        == "idempotency_key_reused"
    )
    assert [row["entity"] for row in yj.outbox()] == ["registration", "charge"]


def test_only_departments_in_yj_are_served_here(hospital: Hospital) -> None:
    assert register(hospital).code == "mode_normal"
    hospital.emergency(["EK"])
    assert register(hospital).code == "out_of_scope"
    assert register(hospital, department_code="EK").status == 201


def test_what_is_in_hand_at_the_return_is_taken_and_marked_late(yj: Hospital) -> None:
    yj.back(grace=120)
    assert register(yj).status == 201
    assert payload(yj, "registration")["late"] is True
    yj.clock.advance(121)
    assert register(yj).code == "mode_returning"


def test_a_window_of_an_older_epoch_is_told_before_anything_is_written(yj: Hospital) -> None:
    answer = yj.window("registrar").post("/registrations", VISIT, headers={"YJ-Epoch": "0"})
    assert answer.code == "epoch_changed"
    assert yj.outbox() == []


def test_only_the_desk_registers(yj: Hospital) -> None:
    for who in ("doctor", "pharmacist", "triage", "admin", "duty", "auditor"):
        assert register(yj, who).code == "forbidden"
    for who in ("cashier", "supervisor"):
        assert register(yj, who).status == 201


# --- slips of the centre ---------------------------------------------------------------------------------------------


def test_a_slip_of_the_blind_window_is_taken_in_without_fee_and_only_once(yj: Hospital) -> None:
    slip = {"centre_slip_no": "GH20261123077", "payments": []}
    got = register(yj, **slip)
    assert (got.status, got.json["charge"], got.json["total"]) == (201, None, "0.00")
    assert payload(yj, "registration")["centre_slip_no"] == "GH20261123077"
    assert [row["entity"] for row in yj.outbox()] == ["registration"]
    assert register(yj, **slip).code == "slip_known"
    found = yj.window("cashier").get("/registrations", slip_no="GH20261123077").json["items"]
    assert [visit["id"] for visit in found] == [got.json["id"]]


def test_a_slip_that_the_mirror_knows_is_used_by_its_number(yj: Hospital) -> None:
    assert register(yj, centre_slip_no="GH20261123012", payments=[]).code == "slip_known"
    assert register(yj, centre_slip_no="GH20261123078").code == "payments_mismatch"


# --- looking up ------------------------------------------------------------------------------------------------------


def ids(hospital: Hospital, **query: str) -> list[str]:
    answer = hospital.window("doctor").get("/registrations", **query)
    assert answer.status == 200, answer.json
    return [visit["id"] for visit in answer.json["items"]]


def test_ours_and_the_centres_visits_stand_in_one_list(yj: Hospital) -> None:
    own = register(yj, patient_id=ZHANG).json
    answer = yj.window("doctor").get("/registrations", patient_id=ZHANG).json
    assert answer["as_of"] == "2026-11-23T08:00:00.000+08:00"
    centre, ours = answer["items"]
    assert (centre["id"], centre["origin"], centre["central_key"]) == (CENTRE_VISIT, "centre", "5001")
    assert (centre["as_of"], centre["queue_no"], centre["status"]) == (answer["as_of"], 12, "waiting")
    assert centre["registered_at"] == "2026-11-23T07:45:00.000+08:00"
    assert (ours["id"], ours["origin"], ours["as_of"]) == (own["id"], "yj", None)
    assert ids(yj, slip_no=own["slip_no"]) == [own["id"]]
    assert ids(yj, slip_no="GH20261123012") == [CENTRE_VISIT]
    assert ids(yj, department_code="NK", status="paused") == [own["id"]]
    assert ids(yj, department_code="NK", status="waiting") == [CENTRE_VISIT]
    assert ids(yj, department_code="EK") == []
    assert ids(yj, staff_code="D301") == [CENTRE_VISIT]


def test_a_visit_shows_its_prescriptions_orders_and_charges(yj: Hospital) -> None:
    centre = yj.window("doctor").get(f"/registrations/{CENTRE_VISIT}").json
    assert [(rx["central_key"], rx["status"], rx["total"]) for rx in centre["prescriptions"]] == [
        ("3001", "unpaid", "37.00")
    ]
    assert [(order["central_key"], order["status"]) for order in centre["orders"]] == [("2001", "unpaid")]
    assert centre["charges"] == []
    own = register(yj).json
    shown = yj.window("doctor").get(f"/registrations/{own['id']}").json
    assert [charge["total"] for charge in shown["charges"]] == ["10.00"]
    assert (shown["prescriptions"], shown["orders"]) == ([], [])
    assert yj.window("doctor").get("/registrations/nothing").code == "registration_not_found"


def test_a_patient_entered_here_is_registered_by_the_id_just_given(yj: Hospital) -> None:
    new = yj.window("registrar").post("/patients", {"name": "新来的", "sex": "F", "age": {"years": 30}}).json
    got = register(yj, patient_id=new["id"]).json
    assert got["patient_name"] == "新来的"
    assert ids(yj, patient_id=new["id"]) == [got["id"]]
    assert payload(yj, "registration")["refs"]["patient"]["origin"] == "yj"


def test_what_has_come_back_in_the_mirror_is_shown_once_as_ours(yj: Hospital) -> None:
    got = register(yj).json
    with yj.store.engine.connect() as raw, raw.execution_options(yj_write=True).begin():
        raw.exec_driver_sql(
            f"UPDATE outbox SET state = 'confirmed', central_key = '6001', confirmed_at = '{yj.clock.now()}' "
            f"WHERE yj_id = '{got['id']}'"
        )
    mirrored = {**CAST["open_registration"][0], "registration_key": "6001", "patient_no": "P1001", "slip_no": "N1"}
    yj.mirror({**CAST, "open_registration": [*CAST["open_registration"], mirrored]}, generation=8)
    assert ids(yj, patient_id=WANG) == [got["id"]]
    assert yj.window("doctor").get(f"/registrations/{got['id']}").json["central_key"] == "6001"


# --- cancel ----------------------------------------------------------------------------------------------------------


def cancel(hospital: Hospital, visit_id: str, who: str = "registrar", **more: Any) -> Reply:
    return hospital.window(who).post(f"/registrations/{visit_id}/cancel", {"reason": "病人改期", **more})


def test_cancelling_gives_the_fee_back_and_frees_the_number(yj: Hospital) -> None:
    thirty = [{"method": "cash", "amount": "30.00"}]
    expert = {"type_code": "ZJ", "schedule_id": "S1", "payments": thirty}
    got = register(yj, **expert).json
    answer = cancel(yj, got["id"])
    assert answer.status == 200
    assert (answer.json["status"], answer.json["refund"]["total"]) == ("cancelled", "-30.00")
    assert answer.json["refund"]["refund_of"] == got["charge"]["id"]
    assert [row["entity"] for row in yj.outbox()] == ["registration", "charge", "refund", "registration_cancel"]
    assert payload(yj, "registration_cancel")["refs"]["registration"]["id"] == got["id"]
    assert register(yj, **expert).json["warnings"] == []
    assert ids(yj, patient_id=WANG, status="cancelled") == [got["id"]]
    assert cancel(yj, got["id"]).code == "already_cancelled"


def test_a_visit_that_was_seen_or_paid_for_cannot_be_cancelled(yj: Hospital) -> None:
    got = register(yj).json
    yj.window("triage").post(f"/triage/queue/{got['id']}", {"status": "seen"})
    assert cancel(yj, got["id"]).code == "registration_in_use"
    yj.window("triage").post(f"/triage/queue/{got['id']}", {"status": "waiting"})
    rx = (
        yj.window("doctor")
        .post(
            "/prescriptions",
            {
                "registration_id": got["id"],
                "kind": "western",
                "diagnoses": [],
                "lines": [{"drug_code": "A001", "quantity": 1}],
            },
        )
        .json
    )
    assert cancel(yj, got["id"]).code == "registration_in_use"
    assert yj.window("doctor").post(f"/prescriptions/{rx['id']}/cancel", {"reason": "不要了"}).status == 200
    assert cancel(yj, got["id"]).status == 200


def test_a_free_visit_and_a_visit_from_a_slip_can_be_cancelled_too(yj: Hospital) -> None:
    free = register(yj, type_code="MF", payments=[]).json
    assert cancel(yj, free["id"]).json["refund"]["total"] in ("0.00", "-0.00")
    slip = register(yj, centre_slip_no="GH20261123077", payments=[]).json
    assert cancel(yj, slip["id"]).json["refund"] is None
    assert register(yj, centre_slip_no="GH20261123077", payments=[]).status == 201


def test_a_registration_fee_goes_back_only_with_the_visit_itself(yj: Hospital) -> None:
    got = register(yj, "cashier").json
    path = f"/charges/{got['charge']['id']}/refund"
    assert yj.window("cashier").post(path, {"reason": "误收"}).code == "registration_fee_refund"
    assert yj.window("cashier").post(f"{path}/quote").code == "registration_fee_refund"
    assert cancel(yj, got["id"]).json["refund"]["refund_of"] == got["charge"]["id"]
    assert yj.window("cashier").get(f"/charges/{got['charge']['id']}").json["status"] == "refunded"


def test_the_same_cancellation_sent_again_refunds_once(yj: Hospital) -> None:
    got = register(yj).json
    window, path = yj.window("registrar"), f"/registrations/{got['id']}/cancel"
    first, second = (window.post(path, {"reason": "病人改期"}, key=EMPTY_KEY) for _ in range(2))
    assert first.json == second.json and second.headers["Idempotency-Replayed"] == "true"
    assert len(yj.outbox("refund")) == 1


def test_visits_of_the_centre_are_neither_cancelled_nor_transferred_here(yj: Hospital) -> None:
    assert cancel(yj, CENTRE_VISIT).code == "not_yj_document"
    answer = yj.window("registrar").post(f"/registrations/{CENTRE_VISIT}/transfer", {"department_code": "EK"})
    assert answer.code == "not_yj_document"


# --- transfer --------------------------------------------------------------------------------------------------------


def test_a_transfer_moves_the_place_and_keeps_the_slip(yj: Hospital) -> None:
    got = register(yj, staff_code="D301").json
    answer = yj.window("registrar").post(f"/registrations/{got['id']}/transfer", {"department_code": "EK"})
    assert answer.status == 200
    moved = answer.json
    assert (moved["department_code"], moved["department_name"], moved["staff_code"]) == ("EK", "儿科门诊", None)
    assert (moved["slip_no"], moved["queue_no"], moved["status"]) == (got["slip_no"], 1, "paused")
    document = payload(yj, "registration_transfer")
    assert (document["from_department_code"], document["department_code"]) == ("NK", "EK")
    assert ids(yj, department_code="EK") == [got["id"]]
    with yj.store.reading() as tx:
        assert tx.conn.execute(select(queue_place.c.department_code)).scalars().all() == ["EK"]


def test_a_transfer_needs_both_departments_in_yj(hospital: Hospital) -> None:
    hospital.emergency(["NK", "JZ"])
    got = register(hospital).json
    path = f"/registrations/{got['id']}/transfer"
    assert hospital.window("registrar").post(path, {"department_code": "EK"}).code == "out_of_scope"
    assert hospital.window("registrar").post(path, {"department_code": "XX"}).code == "unknown_department"
    assert (
        hospital.window("registrar").post(path, {"department_code": "JZ", "staff_code": "XX"}).code == "unknown_staff"
    )
    assert hospital.window("registrar").post(path, {"department_code": "JZ"}).status == 200
    assert cancel(hospital, got["id"]).status == 200
    assert hospital.window("registrar").post(path, {"department_code": "NK"}).code == "registration_cancelled"


# --- drills and later incidents --------------------------------------------------------------------------------------


def test_a_drill_sees_no_open_work_of_the_centre_and_leaves_nothing_behind(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    assert ids(hospital, patient_id=ZHANG) == []
    drilled = register(hospital, patient_id=ZHANG).json
    assert ids(hospital, patient_id=ZHANG) == [drilled["id"]]
    assert {row["state"] for row in hospital.outbox()} == {"fenced"}
    hospital.emergency()
    assert ids(hospital, patient_id=ZHANG) == [CENTRE_VISIT]
    assert cancel(hospital, drilled["id"]).code == "drill_mismatch"
    assert register(hospital, patient_id=ZHANG).json["queue_no"] == 1


def test_a_visit_of_an_unclosed_incident_goes_on_in_the_next_one(yj: Hospital) -> None:
    got = register(yj).json
    yj.back()
    assert cancel(yj, got["id"]).code == "mode_normal"
    assert ids(yj, slip_no=got["slip_no"]) == [got["id"]]
    yj.emergency()
    assert cancel(yj, got["id"]).status == 200
