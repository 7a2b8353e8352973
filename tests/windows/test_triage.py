"""The triage desk: two lanes, YJ patients paused until resumed, every move recorded."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select

from fallback_server.store.audit import audit
from fallback_server.store.visits import queue_move
from fallback_server.windows.triage.queries import departments
from tests.fixtures_hospital import Hospital, Reply, centre_id

WANG = centre_id("patient", "P1001")
CENTRE_VISIT = centre_id("open_registration", "5001")
CENTRE_SEEN = centre_id("open_registration", "5002")


def visit(hospital: Hospital, **changed: Any) -> str:
    body = {"patient_id": WANG, "department_code": "NK", "type_code": "MF", "payments": [], **changed}
    answer = hospital.window("registrar").post("/registrations", body)
    assert answer.status == 201, answer.json
    return str(answer.json["id"])


def queue(hospital: Hospital, **query: str) -> dict[str, list[str]]:
    answer = hospital.window("triage").get("/triage/queue", **query)
    assert answer.status == 200, answer.json
    return {lane: [visit["id"] for visit in answer.json[lane]] for lane in ("centre", "yj")}


def move(hospital: Hospital, visit_id: str, status: str, who: str = "triage", **more: str) -> Reply:
    return hospital.window(who).post(f"/triage/queue/{visit_id}", {"status": status, **more})


def test_the_centres_patients_and_ours_stand_in_two_lanes(yj: Hospital) -> None:
    first, second = visit(yj), visit(yj)
    grave = visit(yj, triage_level=1)
    assert queue(yj, department_code="NK") == {"centre": [CENTRE_VISIT], "yj": [grave, first, second]}
    assert queue(yj, department_code="NK", status="seen") == {"centre": [CENTRE_SEEN], "yj": []}
    assert queue(yj, department_code="EK") == {"centre": [], "yj": []}
    lane = yj.window("doctor").get("/triage/queue", department_code="NK").json
    assert lane["as_of"] == "2026-11-23T08:00:00.000+08:00"
    assert [item["status"] for item in lane["yj"]] == ["waiting", "paused", "paused"]
    assert (lane["yj"][0]["allergy"], lane["yj"][0]["age"]) == ("青霉素过敏，头孢类", "41岁")


def test_the_desk_offers_clinics_and_whatever_else_has_patients_waiting(yj: Hospital) -> None:
    def offered() -> list[str]:
        with yj.store.reading() as tx:
            return [one["code"] for one in departments(tx)]

    assert offered() == ["EK", "JZ", "NK"]  # neither pharmacies nor the laboratory nor what was closed
    visit(yj, department_code="JYK")
    assert offered() == ["EK", "JYK", "JZ", "NK"]


def test_every_move_is_recorded_and_standing_still_is_none(yj: Hospital) -> None:
    visit_id = visit(yj)
    for status in ("waiting", "waiting", "called", "absent", "waiting", "called", "seen"):
        answer = move(yj, visit_id, status)
        assert (answer.status, answer.json["status"]) == (200, status)
    with yj.store.reading() as tx:
        moves = tx.conn.execute(
            select(queue_move.c.from_status, queue_move.c.to_status).order_by(queue_move.c.id)
        ).all()
        noted = tx.conn.execute(select(audit.c.action).where(audit.c.action == "queue.move")).all()
    steps = ["paused", "waiting", "called", "absent", "waiting", "called", "seen"]
    assert [tuple(row) for row in moves] == list(pairwise(steps))
    assert len(noted) == len(moves)
    assert queue(yj, department_code="NK")["yj"] == []


def test_a_patient_of_the_centre_can_be_called_and_moved_to_another_door(yj: Hospital) -> None:
    assert move(yj, CENTRE_VISIT, "called").json["status"] == "called"
    moved = move(yj, CENTRE_VISIT, "waiting", department_code="EK", staff_code="D302").json
    assert (moved["department_name"], moved["staff_name"]) == ("儿科门诊", "周小红")
    assert queue(yj, department_code="EK")["centre"] == [CENTRE_VISIT]
    assert queue(yj, department_code="NK")["centre"] == []
    assert yj.outbox() == []


def test_all_paused_patients_of_a_department_are_resumed_at_once(yj: Hospital) -> None:
    first, second, elsewhere = visit(yj), visit(yj), visit(yj, department_code="EK")
    answer = yj.window("triage").post("/triage/queue/resume-all", {"department_code": "NK"})
    assert (answer.status, answer.json["resumed"]) == (200, 2)
    assert sorted(answer.json["registration_ids"]) == sorted([first, second])
    assert queue(yj, department_code="NK", status="waiting")["yj"] == [first, second]
    assert queue(yj, status="paused")["yj"] == [elsewhere]
    again = yj.window("triage").post("/triage/queue/resume-all", {"department_code": "NK"})
    assert again.json["resumed"] == 0


def test_the_same_move_sent_again_is_recorded_once(yj: Hospital) -> None:
    visit_id = visit(yj)
    window, key = yj.window("triage"), "01KAJ00000000000000000M0VE"
    first, second = (window.post(f"/triage/queue/{visit_id}", {"status": "waiting"}, key=key) for _ in range(2))
    assert first.json == second.json and second.headers["Idempotency-Replayed"] == "true"
    with yj.store.reading() as tx:
        assert len(tx.conn.execute(select(queue_move.c.id)).all()) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"status": "lost"}, "invalid_request"),
        ({}, "invalid_request"),
        ({"status": "called", "room": "3"}, "invalid_request"),
        ({"status": "called", "department_code": "XX"}, "unknown_department"),
        ({"status": "called", "staff_code": "XX"}, "unknown_staff"),
    ],
)
def test_a_wrong_move_is_refused(yj: Hospital, body: dict[str, str], code: str) -> None:
    assert yj.window("triage").post(f"/triage/queue/{visit(yj)}", body).code == code
    assert yj.window("triage").post("/triage/queue/nothing", {"status": "called"}).code == "registration_not_found"


def test_the_doctor_calls_his_patients_and_only_the_nurse_sends_them_elsewhere(yj: Hospital) -> None:
    visit_id = visit(yj)
    assert move(yj, visit_id, "called", "doctor").status == 200
    assert move(yj, visit_id, "waiting", "doctor", department_code="EK").code == "forbidden"
    assert move(yj, visit_id, "waiting", "cashier").code == "forbidden"
    assert yj.window("doctor").post("/triage/queue/resume-all", {"department_code": "NK"}).code == "forbidden"


def test_the_queue_goes_on_after_the_return_until_the_incident_is_closed(yj: Hospital) -> None:
    visit_id = visit(yj)
    yj.back()
    assert move(yj, visit_id, "waiting").status == 200
    answer = yj.window("triage").post("/triage/queue/resume-all", {"department_code": "NK"})
    assert answer.status == 200
    assert move(yj, CENTRE_VISIT, "called").code == "mode_normal"
    with yj.store.engine.connect() as raw, raw.execution_options(yj_write=True).begin():
        raw.exec_driver_sql("UPDATE incident SET state = 'closed'")
    assert move(yj, visit_id, "called").code == "incident_closed"
    assert queue(yj, department_code="NK")["yj"] == []


def test_a_drill_moves_its_own_patients_only(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    assert move(hospital, CENTRE_VISIT, "called").code == "drill_touches_open_work"
    visit_id = visit(hospital)
    assert queue(hospital, department_code="NK") == {"centre": [], "yj": [visit_id]}
    hospital.emergency()
    assert move(hospital, visit_id, "called").code in ("drill_mismatch", "incident_closed")
    assert queue(hospital, department_code="NK") == {"centre": [CENTRE_VISIT], "yj": []}


def test_a_cancelled_visit_has_left_the_queue(yj: Hospital) -> None:
    visit_id = visit(yj)
    yj.window("registrar").post(f"/registrations/{visit_id}/cancel", {"reason": "走了"})
    assert move(yj, visit_id, "called").code == "registration_cancelled"
    assert queue(yj, department_code="NK")["yj"] == []
