"""The doctor's window: prescriptions and orders, ours and from paper, at the mirror's prices, with warnings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fixtures_hospital import Hospital, Reply, centre_id

WANG = centre_id("patient", "P1001")
ZHANG = centre_id("patient", "P1003")
CENTRE_VISIT = centre_id("open_registration", "5001")
CENTRE_RX = centre_id("open_prescription", "3001")
CENTRE_PAID_RX = centre_id("open_prescription", "3002")
CENTRE_ORDER = centre_id("open_order", "2001")
TEN = [{"method": "cash", "amount": "10.00"}]
KEY = "01KAJ00000000000000000D0CT"


def visit(hospital: Hospital, patient_id: str = ZHANG, **changed: Any) -> str:
    """A new visit; its id."""
    body = {"patient_id": patient_id, "department_code": "NK", "type_code": "PT", "payments": TEN, **changed}
    answer = hospital.window("registrar").post("/registrations", body)
    assert answer.status == 201, answer.json
    return str(answer.json["id"])


def prescribe(hospital: Hospital, visit_id: str, *drugs: Any, who: str = "doctor", **changed: Any) -> Reply:
    """A prescription of these drugs: codes, or whole lines."""
    lines = [{"drug_code": drug, "quantity": 1} if isinstance(drug, str) else drug for drug in drugs]
    body = {"registration_id": visit_id, "kind": "western", "diagnoses": ["J06.900"], "lines": lines, **changed}
    return hospital.window(who).post("/prescriptions", body)


def order(hospital: Hospital, registration_id: str, *items: tuple[str, int], who: str = "doctor") -> Reply:
    lines = [{"item_code": code, "quantity": quantity} for code, quantity in items]
    return hospital.window(who).post("/orders", {"registration_id": registration_id, "lines": lines})


def payload(hospital: Hospital, entity: str) -> dict[str, Any]:
    """The payload of the only document of this entity."""
    [row] = hospital.outbox(entity)
    return dict(json.loads(row["payload"]))


def codes(answer: Reply) -> list[str]:
    assert answer.status == 201, answer.json
    return [warning["code"] for warning in answer.json["warnings"]]


def test_a_prescription_takes_prices_and_names_from_the_mirror(yj: Hospital) -> None:
    visit_id = visit(yj)
    line = {
        "drug_code": "A003", "quantity": 3, "dose": 0.5, "dose_unit": "瓶", "usage": "PO", "frequency": "TID",
        "days": 3, "note": "饭后",
    }  # fmt: skip
    answer = prescribe(yj, visit_id, line, "A001")
    assert answer.status == 201
    got = answer.json
    assert (got["total"], got["status"], got["warnings"], got["pharmacy_code"]) == ("22.35", "unpaid", [], "XYF")
    assert got["rx_no"].startswith("YJ261123")
    first = got["lines"][0]
    assert (first["name"], first["unit_price"], first["amount"]) == ("氯化钠注射液", "3.3350", "10.01")
    assert (first["dose"], first["usage"], first["days"], first["receipt_category"]) == ("0.5", "PO", 3, "western")
    document = payload(yj, "prescription")
    assert (document["yj_id"], document["yj_no"], document["total"]) == (got["id"], got["rx_no"], "22.35")
    assert (document["diagnosis_codes"], document["staff_code"], document["paper"]) == ("J06.900", "D301", False)
    assert document["refs"]["registration"] == {"id": visit_id, "origin": "yj", "central_key": None}
    assert document["refs"]["patient"]["central_key"] == "P1003"
    assert [line["unit_price"] for line in document["lines"]] == ["3.3350", "12.3400"]
    assert document["lines"][0]["line_id"] == first["line_id"]


def test_a_prescription_can_be_written_for_a_patient_of_the_central_queue(yj: Hospital) -> None:
    answer = prescribe(yj, CENTRE_VISIT, "A001")
    assert answer.status == 201
    refs = payload(yj, "prescription")["refs"]
    assert refs["registration"] == {"id": CENTRE_VISIT, "origin": "centre", "central_key": "5001"}
    listed = yj.window("doctor").get("/prescriptions", registration_id=CENTRE_VISIT).json["items"]
    assert [(rx["id"], rx["origin"]) for rx in listed] == [(answer.json["id"], "yj"), (CENTRE_RX, "centre")]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"lines": [{"drug_code": "ZZZ", "quantity": 1}]}, "unknown_drug"),
        ({"lines": [{"drug_code": "X001", "quantity": 1}]}, "inactive"),
        ({"lines": [{"drug_code": "N001", "quantity": 1}]}, "paper_form_required"),
        ({"lines": [{"drug_code": "H001", "quantity": 1}]}, "invalid_request"),
        ({"lines": [{"drug_code": "A001", "quantity": -1}]}, "invalid_request"),
        ({"lines": [{"drug_code": "A001", "quantity": 0}]}, "invalid_request"),
        ({"lines": [{"drug_code": "A001", "quantity": 1.5}]}, "invalid_request"),
        ({"lines": [{"drug_code": "A001", "quantity": "2"}]}, "invalid_request"),
        ({"lines": [{"drug_code": "A001", "quantity": True}]}, "invalid_request"),
        ({"lines": [{"drug_code": "A001", "quantity": 100_000}]}, "invalid_request"),
        ({"lines": [{"drug_code": "A001", "quantity": 1, "price": "0.01"}]}, "invalid_request"),
        ({"lines": [{"drug_code": "A001", "quantity": 1, "days": 0}]}, "invalid_request"),
        ({"lines": []}, "invalid_request"),
        ({"lines": [{"drug_code": "A001", "quantity": 1}] * 51}, "invalid_request"),
        ({"diagnoses": ["Z99"]}, "unknown_diagnosis"),
        ({"kind": "magic"}, "invalid_request"),
        ({"kind": "herbal"}, "invalid_request"),
        ({"total": "1.00"}, "invalid_request"),
        ({"registration_id": "nothing"}, "registration_not_found"),
    ],
)
def test_what_is_prescribed_wrongly_is_refused_and_changes_nothing(
    yj: Hospital, changed: dict[str, object], code: str
) -> None:
    visit_id = visit(yj)
    before = yj.outbox()
    assert prescribe(yj, visit_id, "A001", **changed).code == code
    assert yj.outbox() == before


def test_herbal_drugs_have_their_own_form_and_patent_drugs_may_stand_beside_western_ones(yj: Hospital) -> None:
    visit_id = visit(yj)
    assert prescribe(yj, visit_id, "H001", kind="herbal").json["pharmacy_code"] == "ZYF"
    mixed = prescribe(yj, visit_id, "A001", "P001").json
    assert [line["receipt_category"] for line in mixed["lines"]] == ["western", "patent"]
    assert prescribe(yj, visit_id, "P001", kind="patent").status == 201
    assert prescribe(yj, visit_id, "A001", kind="patent").code == "invalid_request"


def test_only_a_doctor_with_the_right_prescribes(yj: Hospital) -> None:
    visit_id = visit(yj)
    assert prescribe(yj, visit_id, "A001", who="trainee").code == "not_prescriber"
    assert prescribe(yj, visit_id, "A001", who="0304").code == "not_prescriber"
    assert prescribe(yj, visit_id, "A001", who="cashier").code == "forbidden"
    for who in ("registrar", "pharmacist", "triage", "admin"):
        assert prescribe(yj, visit_id, "A001", who=who).code == "forbidden"
    assert order(yj, visit_id, ("F001", 1), who="cashier").code == "forbidden"
    assert order(yj, visit_id, ("F001", 1), who="trainee").status == 201


def test_a_cashier_keys_in_a_paper_prescription_under_its_doctor(yj: Hospital) -> None:
    visit_id = visit(yj)
    form = {"staff_code": "D302", "written_at": "2026-11-23T08:10:00+08:00"}
    got = prescribe(yj, visit_id, "A001", who="cashier", paper=form).json
    assert (got["staff_code"], got["staff_name"], got["paper"]) == ("D302", "周小红", True)
    assert got["written_at"] == "2026-11-23T08:10:00.000+08:00"
    assert payload(yj, "prescription")["operator_code"] == "0201"
    for changed, code in (
        ({"staff_code": "D303"}, "not_prescriber"),
        ({"staff_code": "D304"}, "inactive"),
        ({"staff_code": "XX"}, "unknown_staff"),
        ({"written_at": "2026-11-24T08:10:00+08:00"}, "invalid_request"),
        ({"written_at": "2026-11-23T08:10:00"}, "invalid_request"),
        ({"written_at": 5}, "invalid_request"),
    ):
        assert prescribe(yj, visit_id, "A001", who="cashier", paper={**form, **changed}).code == code


def test_narcotics_are_only_keyed_in_from_the_special_form_of_a_doctor_with_the_right(yj: Hospital) -> None:
    visit_id = visit(yj)
    form = {"staff_code": "D301", "written_at": "2026-11-23T08:10:00+08:00"}
    assert prescribe(yj, visit_id, "N001").code == "paper_form_required"
    assert prescribe(yj, visit_id, "N001", who="cashier", paper={**form, "staff_code": "D302"}).code == "not_prescriber"
    assert prescribe(yj, visit_id, "N001", who="cashier", paper=form).status == 201
    assert prescribe(yj, visit_id, "N002").status == 201


# --- warnings --------------------------------------------------------------------------------------------------------


def test_a_doubtful_prescription_is_warned_of_and_written(yj: Hospital) -> None:
    visit_id = visit(yj, WANG)
    assert codes(prescribe(yj, visit_id, "A002", diagnoses=[])) == ["no_diagnosis"]
    assert codes(prescribe(yj, visit_id, "A007")) == ["allergy"]
    assert codes(prescribe(yj, visit_id, "A007")) == ["allergy", "duplicate_drug"]
    assert codes(prescribe(yj, visit_id, "A004", "A004")) == ["duplicate_drug"]
    assert codes(prescribe(yj, visit_id, "A008")) == ["out_of_stock"]
    assert codes(prescribe(yj, visit_id, {"drug_code": "A001", "quantity": 501})) == ["out_of_stock"]
    assert codes(prescribe(yj, visit_id, {"drug_code": "A005", "quantity": 1, "days": 8})) == ["supply_days"]
    assert codes(prescribe(yj, visit_id, {"drug_code": "A003", "quantity": 1, "days": 7})) == []


def test_an_emergency_prescription_covers_three_days(yj: Hospital) -> None:
    visit_id = visit(yj, department_code="JZ")
    assert codes(prescribe(yj, visit_id, {"drug_code": "A005", "quantity": 1, "days": 4})) == ["supply_days"]
    assert codes(prescribe(yj, visit_id, {"drug_code": "A003", "quantity": 1, "days": 3})) == []


def test_more_than_five_western_drugs_are_warned_of(yj: Hospital) -> None:
    visit_id = visit(yj)
    assert codes(prescribe(yj, visit_id, "A001", "A002", "A003", "A004", "A005")) == []
    again = prescribe(yj, visit(yj), "A001", "A002", "A003", "A004", "A005", "A006")
    assert codes(again) == ["too_many_drugs"]


def test_a_cancelled_prescription_is_no_duplicate(yj: Hospital) -> None:
    visit_id = visit(yj)
    first = prescribe(yj, visit_id, "A001").json
    yj.window("doctor").post(f"/prescriptions/{first['id']}/cancel", {"reason": "改药"})
    assert codes(prescribe(yj, visit_id, "A001")) == []


# --- orders ----------------------------------------------------------------------------------------------------------


def test_an_order_takes_prices_and_the_executing_department_from_the_mirror(yj: Hospital) -> None:
    visit_id = visit(yj)
    answer = order(yj, visit_id, ("F001", 1), ("F004", 3))
    assert answer.status == 201
    got = answer.json
    assert (got["total"], got["status"], got["warnings"]) == ("27.51", "unpaid", [])
    assert [(line["item_code"], line["amount"], line["exec_department_code"]) for line in got["lines"]] == [
        ("F001", "25.00", "JYK"),
        ("F004", "2.51", None),
    ]
    document = payload(yj, "order")
    assert (document["yj_no"], document["staff_code"], document["total"]) == (got["order_no"], "D301", "27.51")
    assert document["lines"][1]["receipt_category"] == "material"
    assert codes(order(yj, visit_id, ("F001", 1))) == ["duplicate_item"]


@pytest.mark.parametrize(
    ("code", "quantity", "refusal"),
    [
        ("ZZZ", 1, "unknown_fee_item"),
        ("F009", 1, "inactive"),
        ("F001", 0, "invalid_request"),
        ("F001", -1, "invalid_request"),
    ],
)
def test_what_is_ordered_wrongly_is_refused(yj: Hospital, code: str, quantity: int, refusal: str) -> None:
    visit_id = visit(yj)
    assert order(yj, visit_id, (code, quantity)).code == refusal
    assert yj.outbox("order") == []


# --- the same act again ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/prescriptions", {"drug_code": "A001", "quantity": 1}),
        ("/orders", {"item_code": "F001", "quantity": 1}),
    ],
)
def test_the_same_act_sent_again_writes_one_document(yj: Hospital, path: str, line: dict[str, object]) -> None:
    body = {"registration_id": visit(yj), "lines": [line], **({"kind": "western"} if "drug_code" in line else {})}
    window = yj.window("doctor")
    first, second = (window.post(path, body, key=KEY) for _ in range(2))
    assert first.status == second.status == 201 and first.json == second.json
    assert second.headers["Idempotency-Replayed"] == "true" and first.json["id"] == KEY
    assert len(yj.outbox(path.strip("/").removesuffix("s"))) == 1
    cancelled = [window.post(f"{path}/{KEY}/cancel", {"reason": "改"}, key=KEY[:-1] + "C") for _ in range(2)]
    assert [answer.status for answer in cancelled] == [200, 200]
    assert cancelled[0].json == cancelled[1].json
    assert window.post(f"{path}/{KEY}/cancel", {"reason": "改"}).code == "already_cancelled"


# --- cancelling and states -------------------------------------------------------------------------------------------


def pay(hospital: Hospital, patient_id: str, total: str, **settles: list[str]) -> Reply:
    body = {
        "patient_id": patient_id,
        "prescription_ids": [],
        "order_ids": [],
        "payments": [{"method": "cash", "amount": total}],
        "expected_total": total,
        **settles,
    }
    return hospital.window("cashier").post("/charges", body)


def test_only_the_unpaid_is_cancelled_and_what_was_paid_here_stays_paid(yj: Hospital) -> None:
    visit_id = visit(yj)
    rx, request = prescribe(yj, visit_id, "A001").json, order(yj, visit_id, ("F001", 1)).json
    paid = pay(yj, ZHANG, "37.34", prescription_ids=[rx["id"]], order_ids=[request["id"]], registration_id=visit_id)
    assert paid.status == 201, paid.json
    window = yj.window("doctor")
    assert window.get(f"/prescriptions/{rx['id']}").json["status"] == "paid"
    assert window.get("/orders", registration_id=visit_id, status="unpaid").json["items"] == []
    assert window.post(f"/prescriptions/{rx['id']}/cancel", {"reason": "改"}).code == "already_paid"
    assert window.post(f"/orders/{request['id']}/cancel", {"reason": "改"}).code == "already_paid"
    refund = yj.window("cashier").post(f"/charges/{paid.json['id']}/refund", {"reason": "退"})
    assert refund.status == 201, refund.json
    assert window.get(f"/prescriptions/{rx['id']}").json["status"] == "refunded"
    listed = window.get("/prescriptions", registration_id=visit_id, status="refunded").json["items"]
    assert [item["id"] for item in listed] == [rx["id"]]


def test_a_cashier_cancels_only_what_was_keyed_in_from_paper(yj: Hospital) -> None:
    visit_id = visit(yj)
    written = prescribe(yj, visit_id, "A001").json["id"]
    form = {"staff_code": "D302", "written_at": "2026-11-23T08:10:00+08:00"}
    keyed = prescribe(yj, visit_id, "A002", who="cashier", paper=form).json["id"]
    assert yj.window("cashier").post(f"/prescriptions/{written}/cancel", {"reason": "误"}).code == "forbidden"
    answer = yj.window("cashier").post(f"/prescriptions/{keyed}/cancel", {"reason": "误"})
    assert (answer.status, answer.json["status"]) == (200, "cancelled")
    assert payload(yj, "prescription_cancel")["refs"]["prescription"]["id"] == keyed


# --- open work of the centre -----------------------------------------------------------------------------------------


def test_open_work_of_the_centre_is_listed_with_its_age_and_cannot_be_changed(yj: Hospital) -> None:
    window = yj.window("doctor")
    [rx] = window.get("/prescriptions", patient_id=ZHANG).json["items"]
    assert (rx["id"], rx["origin"], rx["central_key"], rx["rx_no"]) == (CENTRE_RX, "centre", "3001", "3001")
    assert (rx["as_of"], rx["written_at"]) == ("2026-11-23T08:00:00.000+08:00", "2026-11-23T07:50:00.000+08:00")
    assert rx["diagnoses"] == [{"code": "I10.x00", "name": "高血压病"}]
    assert [(line["drug_code"], line["receipt_category"]) for line in rx["lines"]] == [("A002", "western")]
    assert rx["registration_id"] == CENTRE_VISIT
    assert window.get(f"/prescriptions/{CENTRE_PAID_RX}").json["status"] == "paid"
    [request] = window.get("/orders", patient_id=ZHANG).json["items"]
    assert (request["id"], request["status"], request["total"]) == (CENTRE_ORDER, "unpaid", "25.00")
    assert window.post(f"/prescriptions/{CENTRE_RX}/cancel", {"reason": "改"}).code == "not_yj_document"
    assert window.post(f"/orders/{CENTRE_ORDER}/cancel", {"reason": "改"}).code == "not_yj_document"
    assert window.get("/prescriptions/none").code == "prescription_not_found"
    assert window.get("/orders/none").code == "order_not_found"
    unpaid = window.get("/prescriptions", status="unpaid").json["items"]
    assert [item["id"] for item in unpaid] == [CENTRE_RX]


def test_open_work_of_the_centre_paid_here_is_paid_in_every_list(yj: Hospital) -> None:
    paid = pay(yj, ZHANG, "62.00", prescription_ids=[CENTRE_RX], order_ids=[CENTRE_ORDER])
    assert paid.status == 201, paid.json
    window = yj.window("doctor")
    assert window.get(f"/prescriptions/{CENTRE_RX}").json["status"] == "paid"
    assert window.get("/prescriptions", status="unpaid").json["items"] == []
    listed = window.get("/prescriptions", status="paid", pharmacy_code="XYF").json["items"]
    assert {item["id"] for item in listed} == {CENTRE_RX, CENTRE_PAID_RX}
    assert window.get("/orders", patient_id=ZHANG, status="unpaid").json["items"] == []


# --- modes -----------------------------------------------------------------------------------------------------------


def test_nothing_is_written_in_normal_mode_or_outside_the_scope(hospital: Hospital) -> None:
    assert prescribe(hospital, CENTRE_VISIT, "A001").code == "mode_normal"
    assert order(hospital, CENTRE_VISIT, ("F001", 1)).code == "mode_normal"
    hospital.emergency(["EK"])
    assert prescribe(hospital, CENTRE_VISIT, "A001").code == "out_of_scope"
    assert order(hospital, CENTRE_VISIT, ("F001", 1)).code == "out_of_scope"


def test_a_drill_touches_no_open_work(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    assert prescribe(hospital, CENTRE_VISIT, "A001").code == "drill_touches_open_work"
    visit_id = visit(hospital)
    rx = prescribe(hospital, visit_id, "A001").json["id"]
    window = hospital.window("doctor")
    assert [item["id"] for item in window.get("/prescriptions", patient_id=ZHANG).json["items"]] == [rx]
    hospital.emergency()
    assert prescribe(hospital, visit_id, "A001").code == "drill_mismatch"
    assert window.post(f"/prescriptions/{rx}/cancel", {"reason": "改"}).code == "drill_mismatch"
    assert [item["id"] for item in window.get("/prescriptions", patient_id=ZHANG).json["items"]] == [CENTRE_RX]


def test_a_cancelled_visit_takes_no_prescription(yj: Hospital) -> None:
    visit_id = visit(yj)
    yj.window("registrar").post(f"/registrations/{visit_id}/cancel", {"reason": "走了"})
    assert prescribe(yj, visit_id, "A001").code == "registration_cancelled"


def test_later_prices_never_rewrite_what_was_written(yj: Hospital) -> None:
    from tests.fixtures_hospital import CAST

    rx = prescribe(yj, visit(yj), "A001").json
    dearer = [{**drug, "unit_price": "99.0000"} for drug in CAST["drug"]]
    yj.mirror({**CAST, "drug": dearer}, generation=8)
    shown = yj.window("doctor").get(f"/prescriptions/{rx['id']}").json
    assert (shown["total"], shown["lines"][0]["unit_price"]) == ("12.34", "12.3400")
