"""What the pages of the registration and triage desks ask for: on sale, one's own visits, copies of slips, the hall."""

from __future__ import annotations

from tests.fixtures_hospital import Hospital, centre_id

FEE = {"method": "cash", "amount": "30.00"}


def sold(hospital: Hospital, patient_no: str = "P1001", who: str = "registrar") -> str:
    """A visit on the expert's session; returns its id."""
    body = {
        "patient_id": centre_id("patient", patient_no), "department_code": "NK", "type_code": "ZJ",
        "schedule_id": "S1", "payments": [FEE],
    }  # fmt: skip
    reply = hospital.window(who).post("/registrations", body)
    assert reply.status == 201, reply.json
    return str(reply.json["id"])


def test_an_offer_counts_what_the_centre_and_we_have_sold(yj: Hospital) -> None:
    window = yj.window("registrar")
    [before] = window.get("/departments/NK/offer").json["schedules"]
    assert (before["sold"], before["capacity"], before["full"], before["total"]) == (1, 2, False, "30.00")
    sold(yj)
    offer = window.get("/departments/NK/offer").json
    assert (offer["schedules"][0]["sold"], offer["schedules"][0]["full"]) == (2, True)
    assert offer["as_of"] and offer["in_scope"]
    assert [doctor["staff_code"] for doctor in offer["staff"]] == ["D301"]  # the retired one is no choice


def test_a_cancelled_visit_is_on_sale_again(yj: Hospital) -> None:
    visit = sold(yj)
    assert yj.window("registrar").post(f"/registrations/{visit}/cancel", {"reason": "改期"}).status == 200
    assert yj.window("registrar").get("/departments/NK/offer").json["schedules"][0]["sold"] == 1


def test_a_department_without_sessions_sells_nothing_by_name_and_one_without_patients_nothing(yj: Hospital) -> None:
    window = yj.window("registrar")
    assert window.get("/departments/JZ/offer").json["schedules"] == []
    assert window.get("/departments/XYF/offer").code == "invalid_request"
    assert window.get("/departments/nowhere/offer").code == "unknown_department"


def test_the_scope_is_told_with_the_offer(hospital: Hospital) -> None:
    hospital.emergency(["EK"])
    assert hospital.window("registrar").get("/departments/NK/offer").json["in_scope"] is False


def test_ones_own_visits_are_ones_own_newest_first(yj: Hospital) -> None:
    first = sold(yj)
    yj.clock.advance(60)
    second = sold(yj, "P1003")
    sold(yj, "P1006", "cashier")
    own = yj.window("registrar").get("/registrations/own").json["items"]
    assert [visit["id"] for visit in own] == [second, first]


def test_copies_of_a_slip_are_counted_in_every_mode_until_the_incident_is_closed(yj: Hospital) -> None:
    visit = sold(yj)
    assert yj.window("registrar").post(f"/registrations/{visit}/prints").json["label"] is None
    yj.back()
    assert yj.window("registrar").post(f"/registrations/{visit}/prints").json["label"] == "补打 1"
    assert yj.window("registrar").post("/registrations/nobody/prints").code == "registration_not_found"


def test_the_hall_is_open_to_everybody_and_shows_nobodys_name(yj: Hospital) -> None:
    visit = sold(yj)
    yj.window("triage").post(f"/triage/queue/{visit}", {"status": "called"})
    with yj.app.test_client() as client:
        hall = client.get("/api/v1/triage/display?department_code=NK").get_json()
        assert client.get("/api/v1/triage/display").status_code == 422
        assert client.get("/api/v1/triage/display?department_code=nowhere").status_code == 422
        assert client.get("/api/v1/triage/queue?department_code=NK").status_code == 401
    assert hall["called"] == [{"number": "YJ 1", "name": "王**", "doctor": "李建国"}]
    assert hall["waiting"] == [{"number": "12", "name": "张**", "doctor": "李建国"}]
    assert set(hall) == {
            "mode", "drill", "notice", "department", "location", "called", "waiting", "more", "absent",
        }  # fmt: skip


def test_the_doctors_of_a_department_are_a_list_for_everybody(yj: Hospital) -> None:
    assert yj.window("triage").get("/departments/EK/doctors").json["items"] == [
        {"staff_code": "D302", "name": "周小红", "title": "主治医师"}
    ]
