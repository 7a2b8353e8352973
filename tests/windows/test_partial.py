"""Some departments in YJ, the others at the centre: who is let in, who must be there, and what both sides share."""

from __future__ import annotations

import copy
from typing import Any

from sqlalchemy import select

from fallback_server.store import cash as tables
from tests.fixtures_hospital import CAST, Hospital
from tests.windows.money_cast import ORDER_UNPAID, RX_PAID, RX_UNPAID, WANG, ZHANG, cash, charge, good, items
from tests.windows.test_roll_call import beat

ON = {"cause": "network", "reason": "内科楼断网"}
VISIT = {"patient_id": WANG, "department_code": "NK", "type_code": "PT", "payments": [cash("10.00")]}


def moved(dataset: str, index: int, **changes: Any) -> dict[str, list[dict[str, Any]]]:
    """The cast with one row changed, as a later mirror of the masters would show it."""
    cast = copy.deepcopy(CAST)
    cast[dataset][index] |= changes
    return cast


def test_the_visits_department_decides_and_any_window_serves_it(hospital: Hospital) -> None:
    hospital.emergency(["NK"])
    slip = good(hospital.window("registrar").post("/registrations", VISIT))
    cashier = hospital.window("cashier")  # of no department
    basket = {"patient_id": ZHANG, "prescription_ids": [RX_UNPAID], "order_ids": [ORDER_UNPAID]}
    paid = good(charge(cashier, basket))
    assert paid["department_code"] == "NK"
    assert good(charge(cashier, {**items(("F003", 1)), "registration_id": slip["id"]}))["department_code"] == "NK"
    rx = {
        "registration_id": slip["id"],
        "kind": "western",
        "diagnoses": [],
        "lines": [{"drug_code": "A002", "quantity": 1}],
    }
    good(hospital.window("doctor").post("/prescriptions", rx))
    good(
        hospital.window("doctor").post(
            "/orders", {"registration_id": slip["id"], "lines": [{"item_code": "F002", "quantity": 1}]}
        )
    )
    good(hospital.window("pharmacist").post(f"/prescriptions/{RX_UNPAID}/handover", {"checked_by": "0402"}))
    good(hospital.window("triage").post(f"/triage/queue/{slip['id']}", {"status": "waiting"}), 200)
    assert good(hospital.window("admin").post("/mode/scope", {"departments": ["EK"], "reason": "内科恢复"}), 200)
    visit = {"registration_id": slip["id"]}
    paying = {**items(("F003", 1)), "payments": [cash("8.50")], "expected_total": "8.50"}
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("registrar", "/registrations", VISIT),
        ("registrar", f"/registrations/{slip['id']}/cancel", {"reason": "退"}),
        ("cashier", "/charges", {**paying, **visit}),
        ("cashier", "/charges", paying),  # without a visit there is no department to count
        ("cashier", f"/charges/{paid['id']}/refund", {"reason": "退"}),
        ("doctor", "/prescriptions", rx),
        ("doctor", "/orders", {**visit, "lines": [{"item_code": "F001", "quantity": 1}]}),
        ("pharmacist", f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402"}),
    ]
    refused = [(path, hospital.window(who).post(path, body).code) for who, path, body in asked]
    assert refused == [(path, "out_of_scope") for _, path, _ in asked]
    # What is no document stays possible: the queue, and prints of what was made here.
    good(hospital.window("triage").post(f"/triage/queue/{slip['id']}", {"status": "called"}), 200)
    good(cashier.post(f"/charges/{paid['id']}/prints", {}))


def test_switching_on_for_departments_warns_until_a_cashier_and_a_pharmacy_are_heard_of(hospital: Hospital) -> None:
    duty = hospital.window("duty")
    asked = {"departments": "NK,EK"}
    codes = [one["code"] for one in good(duty.get("/mode/coverage", **asked), 200)["warnings"]]
    assert codes == ["no_cashier", "no_pharmacy"]
    beat(hospital, "cashier", 0, role="cashier")
    found = good(duty.get("/mode/coverage", **asked), 200)
    assert (found["windows"], [one["code"] for one in found["warnings"]]) == ({"cashier": 1}, ["no_pharmacy"])
    on = good(duty.post("/mode/emergency", {**ON, "departments": ["NK"]}), 200)
    assert [one["code"] for one in on["warnings"]] == ["no_pharmacy"] and on["warnings"][0]["text_en"]
    beat(hospital, "pharmacist", 1, role="pharmacist")
    assert good(duty.post("/mode/scope", {"departments": ["NK", "EK"], "reason": "扩大"}), 200)["warnings"] == []
    hospital.clock.advance(60)  # both fell silent
    both = good(duty.post("/mode/scope", {"departments": ["NK"], "reason": "缩小"}), 200)["warnings"]
    assert len(both) == 2
    assert "warnings" not in good(duty.post("/mode/scope", {"departments": None, "reason": "全院"}), 200)
    assert duty.get("/mode/coverage", departments="NOWHERE").code == "unknown_department"


def test_windows_that_the_table_puts_elsewhere_are_said_to_be_far(hospital: Hospital) -> None:
    admin = hospital.window("admin")

    def stands(code: str, **where: str) -> None:
        good(admin.post("/workstations/table/entry", {"workstation": code, "window": code, **where}), 200)

    def warned(departments: str) -> list[str]:
        return [one["code"] for one in good(admin.get("/mode/coverage", departments=departments), 200)["warnings"]]

    beat(hospital, "cashier", 0, role="cashier")
    beat(hospital, "pharmacist", 0, role="pharmacist")
    assert warned("NK") == []  # no table: any window may serve it
    stands("W0201", department_code="JZ")
    stands("W0401", pharmacy_code="ZYF")
    assert warned("NK") == ["cashier_elsewhere", "pharmacy_elsewhere"]  # its prescriptions go to XYF
    assert warned("JZ") == []
    assert warned("NK,JZ") == ["pharmacy_elsewhere"]
    stands("W0201", department_code="JYK")  # no department that sees patients: everybody's
    stands("W0401", pharmacy_code="XYF")
    assert warned("NK") == []


def test_when_the_whole_hospital_comes_in_each_book_of_the_his_waits_for_its_paper(hospital: Hospital) -> None:
    hospital.emergency(["NK"])
    cashier = hospital.window("cashier")
    assert good(charge(cashier, {"patient_id": ZHANG, "prescription_ids": [RX_UNPAID]}))["receipt_no"] == "A00005021"
    hospital.clock.advance(60)
    hospital.mirror(moved("receipt_book", 1, next_no=5024), generation=8)
    admin = hospital.window("admin")
    (told,) = good(admin.post("/mode/scope", {"departments": None, "reason": "全院"}), 200)["warnings"]
    assert told["code"] == "papers_unchecked" and told["text"].startswith("1 本")
    book = good(cashier.get("/receipt-book"), 200)
    assert (book["receipt_no"], book["recheck"]) == ("A00005022", "A00005024")  # the mirror moves nothing by itself
    order = {"patient_id": ZHANG, "order_ids": [ORDER_UNPAID]}
    assert charge(cashier, order).code == "receipt_book_unchecked"
    assert cashier.post("/receipt-book/confirm", {"next_no": 5023}).code == "receipt_book_backward"
    for number in ("A00005022", "A00005023"):  # a patient may hold it, from the HIS
        torn = {"from_no": number, "to_no": "A00005024", "reason": "撕坏"}
        assert cashier.post("/receipt-book/void", torn).code == "receipt_book_unchecked"
    seen = good(cashier.post("/receipt-book/confirm", {"next_no": 5025}), 200)  # the sheet in the printer
    assert (seen["recheck"], seen["skipped"]) == (None, ["A00005022", "A00005023", "A00005024"])
    assert good(charge(cashier, order))["receipt_no"] == "A00005025"
    hospital.clock.advance(60)
    hospital.mirror(moved("receipt_book", 1, next_no=5090), generation=9)  # in a whole outage it says nothing more
    assert good(charge(cashier, items(("F003", 1))))["receipt_no"] == "A00005026"


def test_of_a_book_that_is_used_up_nobody_is_asked_for_its_paper(hospital: Hospital) -> None:
    hospital.emergency(["NK"])
    cashier = hospital.window("cashier")
    good(cashier.post("/receipt-book/confirm", {"next_no": 6000}), 200)
    assert good(charge(cashier, {"patient_id": ZHANG, "prescription_ids": [RX_UNPAID]}))["receipt_no"] == "A00006000"
    widened = good(hospital.window("admin").post("/mode/scope", {"departments": None, "reason": "全院"}), 200)
    assert "warnings" not in widened


def test_a_cashier_of_both_sides_leaves_the_his_book_there_and_takes_another(hospital: Hospital) -> None:
    hospital.emergency(["NK"])
    cashier = hospital.window("cashier")
    book = good(cashier.get("/receipt-book"), 200)
    assert (book["receipt_no"], book["shared"], book["with_his"]) == ("A00005021", True, [])
    left = good(cashier.post("/receipt-book/leave", {}), 200)
    assert left["receipt_no"] is None and [one["first_receipt_no"] for one in left["with_his"]] == ["A00005001"]
    basket = {"patient_id": ZHANG, "prescription_ids": [RX_UNPAID]}
    assert charge(cashier, basket).code == "receipt_book_with_his"
    given = {"operator": "0201", "prefix": "YJ", "start_no": 1, "end_no": 100}
    good(hospital.window("supervisor").post("/receipt-books", given))
    for number in (5022, "A00005022"):  # a sheet of the book that the HIS prints on
        assert cashier.post("/receipt-book/confirm", {"next_no": number}).code == "receipt_book_with_his"
    spoilt = {"from_no": "A00005022", "to_no": "A00005022", "reason": "撕坏"}
    assert cashier.post("/receipt-book/void", spoilt).code == "receipt_book_with_his"
    assert charge(cashier, basket, receipt_no="A00005021").code == "receipt_no_mismatch"
    assert good(charge(cashier, basket))["receipt_no"] == "YJ00000001"
    assert good(cashier.get("/receipt-book"), 200)["shared"] is False
    good(hospital.window("admin").post("/mode/scope", {"departments": None, "reason": "全院"}), 200)
    assert cashier.post("/receipt-book/leave", {}).code == "wrong_state"
    assert "A00005001" in {one["first_receipt_no"] for one in good(cashier.get("/receipt-book"), 200)["books"]}


def test_a_his_book_that_the_centre_goes_on_with_is_refused_from_the_next_mirror_on(hospital: Hospital) -> None:
    hospital.emergency(["NK"])
    cashier = hospital.window("cashier")
    assert good(charge(cashier, {"patient_id": ZHANG, "prescription_ids": [RX_UNPAID]}))["receipt_no"] == "A00005021"
    hospital.clock.advance(60)
    hospital.mirror(CAST, generation=8)  # masters go on: nothing moved
    order = {"patient_id": ZHANG, "order_ids": [ORDER_UNPAID]}
    assert good(cashier.post("/charges/quote", order), 200)["receipt_no"] == "A00005022"
    hospital.mirror(moved("receipt_book", 1, next_no=5024), generation=9)
    assert charge(cashier, order).code == "receipt_book_with_his"
    books = hospital.window("auditor").get("/receipt-book").json
    assert books["with_his"] == []  # each asks about one's own
    with hospital.store.reading() as tx:
        row = tx.conn.execute(select(tables.receipt_book).where(tables.receipt_book.c.prefix == "A")).mappings().one()
        assert (row["next_no"], row["central_next"]) == (5022, 5021)  # refused, not changed


def test_places_sold_here_count_until_they_have_reached_the_centre(hospital: Hospital) -> None:
    hospital.emergency(["NK"])
    hospital.clock.advance(60)
    registrar = hospital.window("registrar")
    dear = {**VISIT, "type_code": "ZJ", "schedule_id": "S1", "payments": [cash("30.00")]}
    assert good(registrar.post("/registrations", dear))["warnings"] == []
    hospital.clock.advance(60)
    hospital.mirror(CAST, generation=8)  # newer than our number, and does not hold it
    offer = good(registrar.get("/departments/NK/offer"), 200)["schedules"][0]
    assert (offer["sold"], offer["full"]) == (2, True)
    more = good(registrar.post("/registrations", {**dear, "patient_id": ZHANG}))
    assert "oversold" in [one["code"] for one in more["warnings"]]


def test_a_drill_in_some_departments_has_books_of_its_own(hospital: Hospital) -> None:
    hospital.emergency(["NK"], drill=True)
    cashier = hospital.window("cashier")
    book = good(cashier.get("/receipt-book"), 200)
    assert (book["automatic"], book["shared"]) == (True, False)
    assert cashier.post("/receipt-book/leave", {}).code == "wrong_state"
