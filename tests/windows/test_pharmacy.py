"""The pharmacy: paid prescriptions, what was handed over on paper, and what came back."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Engine, event

from fallback_server.store import mirror
from fallback_server.windows.pharmacy import queries
from sync.mirror.workspace import transaction, workspace
from tests.fixtures_hospital import Hospital, centre_id
from tests.windows.money_cast import RX_PAID, RX_UNPAID, WANG, ZHANG, charge, counts, good


def shown(hospital: Hospital, **query: str) -> dict[str, dict]:
    """The list of the pharmacy by prescription id."""
    items = good(hospital.window("pharmacist").get("/pharmacy/prescriptions", **query), 200)["items"]
    return {item["id"]: item for item in items}


def test_paid_prescriptions_appear_whoever_took_the_money(yj: Hospital) -> None:
    assert list(shown(yj)) == [RX_PAID]
    made = good(charge(yj.window("cashier"), {"prescription_ids": [RX_UNPAID]}))
    found = shown(yj)
    assert set(found) == {RX_PAID, RX_UNPAID}
    assert (found[RX_UNPAID]["receipt_no"], found[RX_UNPAID]["paid_here"]) == (made["receipt_no"], True)
    assert (found[RX_PAID]["origin"], found[RX_PAID]["paid_here"]) == ("centre", False)
    assert found[RX_PAID]["as_of"] is not None
    assert found[RX_UNPAID]["patient"]["id"] == ZHANG
    assert found[RX_UNPAID]["lines"][0]["to_hand_over"] == 2
    assert shown(yj, pharmacy_code="ZYF") == {}
    assert set(shown(yj, pharmacy_code="XYF", order="queue", state="all")) == {RX_PAID, RX_UNPAID}
    assert list(shown(yj, patient_id=ZHANG)) == [RX_UNPAID]


def test_an_unpaid_prescription_is_not_handed_over(yj: Hospital) -> None:
    before = counts(yj)
    pharmacist = yj.window("pharmacist")
    assert pharmacist.post(f"/prescriptions/{RX_UNPAID}/handover", {"checked_by": "0402"}).code == "not_paid"
    assert pharmacist.post("/prescriptions/none/handover", {"checked_by": "0402"}).code == "prescription_not_found"
    assert pharmacist.post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "9999"}).code == "unknown_operator"
    assert pharmacist.post(f"/prescriptions/{RX_PAID}/handover", {}).code == "invalid_request"
    assert pharmacist.post(f"/prescriptions/{RX_PAID}/return", {"reason": "x"}).code == "not_handed_over"
    assert counts(yj) == before


def test_a_hand_over_is_recorded_once_with_both_people_and_told_to_the_his(yj: Hospital) -> None:
    pharmacist = yj.window("pharmacist")
    note = good(pharmacist.post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402"}))
    assert (note["handed_by"], note["checked_by"]) == ("0401", "0402")
    payload = json.loads(yj.outbox("dispense_note")[0]["payload"])
    assert payload["refs"]["prescription"]["central_key"] == "3002"
    assert payload["lines"] == [{"line_no": 1, "item_code": "A001", "name": "阿莫西林胶囊", "quantity": 1}]
    assert pharmacist.post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402"}).code == "already_handed_over"
    assert shown(yj) == {}
    assert list(shown(yj, state="handed_over")) == [RX_PAID]


def test_refunded_drugs_are_not_handed_over(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), {"prescription_ids": [RX_UNPAID]}))
    half = [{"line_id": made["lines"][0]["line_id"], "quantity": 1}]
    good(yj.window("cashier").post(f"/charges/{made['id']}/refund", {"reason": "少开", "lines": half}))
    assert shown(yj)[RX_UNPAID]["lines"][0]["to_hand_over"] == 1
    good(yj.window("cashier").post(f"/charges/{made['id']}/refund", {"reason": "不要了"}))
    line = centre_id("open_prescription_line", "3001", "1")
    for body in ({"checked_by": "0402"}, {"checked_by": "0402", "lines": [line]}):
        assert yj.window("pharmacist").post(f"/prescriptions/{RX_UNPAID}/handover", body).code == "line_refunded"
    assert list(shown(yj)) == [RX_PAID]
    assert list(shown(yj, state="refunded")) == [RX_UNPAID]


def test_what_came_back_can_be_handed_over_again(yj: Hospital) -> None:
    pharmacist = yj.window("pharmacist")
    line = centre_id("open_prescription_line", "3002", "1")
    good(pharmacist.post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402", "lines": [{"line_id": line}]}))
    back = good(pharmacist.post(f"/prescriptions/{RX_PAID}/return", {"reason": "包装破损", "lines": [line]}))
    assert back["lines"][0]["quantity"] == -1
    good(pharmacist.post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402"}))
    too_many = {"reason": "x", "lines": [{"line_id": line, "quantity": 5}]}
    assert pharmacist.post(f"/prescriptions/{RX_PAID}/return", too_many).code == "not_handed_over"
    assert (
        pharmacist.post(f"/prescriptions/{RX_PAID}/return", {"reason": "x", "lines": ["foreign"]}).code
        == "invalid_request"
    )


def test_prints_are_counted_and_carry_what_the_form_needs(yj: Hospital) -> None:
    first = good(yj.window("pharmacist").post(f"/prescriptions/{RX_PAID}/prints"))
    second = good(yj.window("doctor").post(f"/prescriptions/{RX_PAID}/prints"))
    assert (first["copy_no"], first["reprint"], second["label"]) == (1, False, "补打 1")
    assert (first["hospital"], first["form"], first["colour"]) == ("测试医院", "ordinary", "white")
    assert first["department_name"] == "内科门诊"
    assert first["prescription"]["lines"][0]["name"] == "阿莫西林胶囊"
    assert shown(yj)[RX_PAID]["copies"] == 2


def test_the_centres_prescriptions_are_the_hiss_again_in_normal_mode(yj: Hospital) -> None:
    yj.back()
    for path, body in (("prints", {}), ("handover", {"checked_by": "0402"})):
        assert yj.window("pharmacist").post(f"/prescriptions/{RX_PAID}/{path}", body).code == "mode_normal"


def test_a_drill_shows_and_hands_over_nothing_real(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    assert shown(hospital, state="all") == {}
    reply = hospital.window("pharmacist").post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402"})
    assert reply.code == "drill_touches_open_work"


def test_a_scope_hides_the_work_of_departments_that_stay_on_the_his(hospital: Hospital) -> None:
    hospital.emergency(["EK"])
    assert shown(hospital) == {}
    reply = hospital.window("pharmacist").post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402"})
    assert reply.code == "out_of_scope"


def test_only_pharmacists_hand_over(yj: Hospital) -> None:
    for who in ("cashier", "doctor", "admin", "auditor"):
        assert yj.window(who).post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402"}).code == "forbidden"


def test_our_own_prescription_is_handed_over_even_after_the_return_to_the_his(yj: Hospital) -> None:
    """What was paid in YJ mode may be handed over later; the note belongs to the incident of the prescription."""
    visit = good(
        yj.window("cashier").post(
            "/registrations",
            {"patient_id": WANG, "department_code": "JZ", "type_code": "MF", "visit_kind": "emergency", "payments": []},
        )
    )
    lines = [{"drug_code": "A004", "quantity": 2}, {"drug_code": "A005", "quantity": 1}]
    paper = {"registration_id": visit["id"], "kind": "western", "diagnoses": ["J06.900"], "lines": lines}
    rx = good(yj.window("doctor").post("/prescriptions", paper))
    made = good(charge(yj.window("cashier"), {"registration_id": visit["id"], "prescription_ids": [rx["id"]]}))
    assert made["total"] == "9.60"
    form = good(yj.window("pharmacist").post(f"/prescriptions/{rx['id']}/prints"))
    assert (form["form"], form["colour"]) == ("emergency", "yellow")
    first, second = shown(yj)[rx["id"]]["lines"]
    pharmacist = yj.window("pharmacist")
    good(pharmacist.post(f"/prescriptions/{rx['id']}/handover", {"checked_by": "0402", "lines": [first["line_id"]]}))
    assert shown(yj)[rx["id"]]["lines"][1]["to_hand_over"] == 1
    yj.back()
    again = {"checked_by": "0402", "lines": [first["line_id"]]}
    assert pharmacist.post(f"/prescriptions/{rx['id']}/handover", again).code == "already_handed_over"
    good(pharmacist.post(f"/prescriptions/{rx['id']}/handover", {"checked_by": "0402"}))
    good(pharmacist.post(f"/prescriptions/{rx['id']}/return", {"reason": "退药", "lines": [second["line_id"]]}))
    assert good(pharmacist.post(f"/prescriptions/{rx['id']}/prints"))["copy_no"] == 2
    payloads = [json.loads(row["payload"]) for row in yj.outbox("dispense_note")]
    assert {payload["incident_no"] for payload in payloads} == {1}
    assert [(payload["kind"], payload["lines"][0]["quantity"]) for payload in payloads] == [
        ("handover", 2), ("handover", 1), ("return", -1),
    ]  # fmt: skip
    assert payloads[2]["reason"] == "退药"


def test_a_text_or_a_scan_finds_prescriptions(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), {"prescription_ids": [RX_UNPAID]}))
    for q in ("3001", made["receipt_no"], made["yj_no"], made["yj_no"].lower(), "张伟", "ZW", "8800003", "1111"):
        assert list(shown(yj, q=q, state="all")) == [RX_UNPAID], q
    assert list(shown(yj, q="OYXW", state="all")) == [RX_PAID]
    for q in ("nobody", "%", "' OR 1=1", "300"):
        assert shown(yj, q=q, state="all") == {}, q
    assert set(shown(yj, q="  ", state="all")) == {RX_PAID, RX_UNPAID}


def test_what_is_out_is_listed_even_where_something_is_still_to_be_given(yj: Hospital) -> None:
    """After recovery everything that is with a patient must be dispensed in the HIS, half-finished ones too."""
    visit = good(
        yj.window("cashier").post(
            "/registrations",
            {"patient_id": WANG, "department_code": "JZ", "type_code": "MF", "visit_kind": "emergency", "payments": []},
        )
    )
    lines = [{"drug_code": "A004", "quantity": 2}, {"drug_code": "A005", "quantity": 1}]
    paper = {"registration_id": visit["id"], "kind": "western", "diagnoses": ["J06.900"], "lines": lines}
    rx = good(yj.window("doctor").post("/prescriptions", paper))
    good(charge(yj.window("cashier"), {"registration_id": visit["id"], "prescription_ids": [rx["id"]]}))
    half = {"checked_by": "0402", "lines": [rx["lines"][0]["line_id"]]}
    good(yj.window("pharmacist").post(f"/prescriptions/{rx['id']}/handover", half))
    assert shown(yj, state="handed_over") == {} and list(shown(yj, state="out")) == [rx["id"]]
    [note] = shown(yj, state="out")[rx["id"]]["notes"]
    assert (note["kind"], note["pieces"], note["handed_by"], note["checked_by"]) == (
        "handover", 2, {"code": "0401", "name": "郑药师"}, "0402",
    )  # fmt: skip
    good(yj.window("pharmacist").post(f"/prescriptions/{rx['id']}/return", {"reason": "退药"}))
    assert shown(yj, state="out") == {}
    assert [one["kind"] for one in shown(yj)[rx["id"]]["notes"]] == ["handover", "return"]


def test_pharmacists_are_found_by_their_surnames_as_they_are_spoken(yj: Hospital) -> None:
    with workspace(yj.store.url) as connection, transaction(connection):
        table = mirror.datasets["operator"]
        connection.execute(table.update().where(table.c.operator_code == "0402").values(name="曾药师"))
    with yj.store.reading() as tx:
        listed = {one["name"]: one["initials"] for one in queries._pharmacists(tx)}
    assert listed["曾药师"] == "ZYS" and "郑药师" in listed


def test_a_search_asks_as_often_for_many_people_as_for_one(yj: Hospital) -> None:
    def asked(text: str) -> int:
        count = 0

        def one_more(*_: Any) -> None:
            nonlocal count
            count += 1

        event.listen(Engine, "before_cursor_execute", one_more)
        try:
            assert yj.window("pharmacist").get("/pharmacy/prescriptions", state="all", q=text).status == 200
        finally:
            event.remove(Engine, "before_cursor_execute", one_more)
        return count

    assert len(yj.window("pharmacist").get("/patients", q="王").json["items"]) > 1
    assert asked("王") == asked("王芳之子")
