"""Charging: what is taken for what, once, to the cent, with the number on the paper."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from fallback_server.domain.numbers import new_ulid
from tests.fixtures_hospital import Hospital, centre_id
from tests.windows.money_cast import (
    ORDER_UNPAID,
    RX_PAID,
    RX_UNPAID,
    WANG,
    ZHANG,
    cash,
    charge,
    counts,
    good,
    items,
    wechat,
)

CARD = {"method": "bank_card", "amount": "15.00"}


def test_a_patient_without_registration_is_charged_for_fee_items(yj: Hospital) -> None:
    window = yj.window("cashier")
    answer = good(charge(window, items(("F001", 2), ("F004", 3))))
    assert answer["total"] == "52.51"  # 2 × 25.00 + 3 × 0.8350 = 2.505 → 2.51
    assert answer["total_in_words"].startswith("伍拾贰元伍角壹分")
    assert answer["receipt_no"] == "A00005021"
    assert [row["category"] for row in answer["by_category"]] == ["laboratory", "material"]
    assert answer["deferred"] is False
    assert answer["shift"] is None
    assert all(line["line_id"] for line in answer["lines"])


def test_sums_by_category_come_in_the_national_order(yj: Hospital) -> None:
    answer = good(charge(yj.window("cashier"), items(("F004", 1), ("F003", 1), ("F001", 1), ("F002", 1))))
    assert [row["category"] for row in answer["by_category"]] == ["examination", "laboratory", "treatment", "material"]


def test_the_quote_says_what_the_charge_will_be_and_writes_nothing(yj: Hospital) -> None:
    before = counts(yj)
    quote = good(yj.window("cashier").post("/charges/quote", items(("F001", 1))), 200)
    assert (quote["total"], quote["receipt_no"]) == ("25.00", "A00005021")
    assert counts(yj) == before


def test_open_work_of_the_centre_is_charged_by_its_id_and_marked_for_resettlement(yj: Hospital) -> None:
    basket = {"prescription_ids": [RX_UNPAID], "order_ids": [ORDER_UNPAID]}
    answer = good(charge(yj.window("cashier"), basket))
    assert (answer["total"], answer["patient_id"]) == ("62.00", ZHANG)
    assert answer["insurance"] == {"type": "310", "no": "YB0000001", "area": "110100"}
    assert answer["deferred"] is True
    assert answer["pharmacy"]["code"] == "XYF"
    assert answer["registration_id"] == centre_id("open_registration", "5001")
    payload = json.loads(yj.outbox("charge")[0]["payload"])
    assert payload["prescriptions"] == [{"id": RX_UNPAID, "origin": "centre", "central_key": "3001"}]
    assert payload["orders"][0]["central_key"] == "2001"
    assert payload["refs"]["registration"]["central_key"] == "5001"
    assert payload["refs"]["patient"]["central_key"] == "P1003"
    assert yj.outbox("charge")[0]["rank"] == 0
    assert all(isinstance(line["amount"], str) for line in payload["lines"])


def test_what_was_paid_is_not_paid_again(yj: Hospital) -> None:
    good(charge(yj.window("cashier"), {"prescription_ids": [RX_UNPAID]}))
    again = yj.window("cashier2").post(
        "/charges", {"prescription_ids": [RX_UNPAID], "payments": [cash("37.00")], "expected_total": "37.00"}
    )
    assert (again.status, again.code) == (409, "already_paid")
    paid_there = yj.window("cashier").post("/charges/quote", {"prescription_ids": [RX_PAID]})
    assert paid_there.code == "already_paid"


def test_the_same_act_sent_twice_makes_one_charge(yj: Hospital) -> None:
    window, key = yj.window("cashier"), new_ulid(yj.clock.now())
    body = {**items(("F001", 1)), "payments": [cash("25.00")], "expected_total": "25.00"}
    first, second = window.post("/charges", body, key=key), window.post("/charges", body, key=key)
    assert first.json == second.json
    assert first.json["id"] == key
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(yj.outbox("charge")) == 1


@pytest.mark.parametrize(
    ("payments", "stored", "change"),
    [
        ([cash("25.00")], [("cash", "25.00")], "0.00"),
        ([cash("30.00")], [("cash", "25.00")], "5.00"),
        ([cash("25.00", tendered="100.00")], [("cash", "25.00")], "75.00"),
        ([wechat("20.00"), cash("10.00")], [("wechat", "20.00"), ("cash", "5.00")], "5.00"),
        ([wechat("10.00"), CARD], [("wechat", "10.00"), ("bank_card", "15.00")], "0.00"),
        ([{"method": "alipay", "amount": "25.00", "state": "in_doubt"}], [("alipay", "25.00")], "0.00"),
    ],
)  # fmt: skip
def test_only_cash_may_exceed_what_is_due(yj: Hospital, payments: list, stored: list, change: str) -> None:
    answer = good(charge(yj.window("cashier"), items(("F001", 1)), *payments))
    assert [(p["method"], p["amount"]) for p in answer["payments"]] == stored
    assert answer["change"] == change


@pytest.mark.parametrize(
    ("payments", "code"),
    [
        ([], "payments_mismatch"),
        ([cash("24.99")], "payments_mismatch"),
        ([wechat("25.01")], "payments_mismatch"),
        ([wechat("25.00"), cash("5.00")], "payments_mismatch"),
        ([cash("5.00"), wechat("30.00")], "payments_mismatch"),
        ([{"method": "wechat", "amount": "25.00"}], "invalid_request"),
        ([cash("25.00", state="in_doubt")], "invalid_request"),
        ([cash("25.00", tendered="20.00")], "invalid_request"),
        ([{"method": "arrears", "amount": "25.00"}], "method_off"),
        ([{"method": "rounding", "amount": "0.05"}, cash("24.95")], "method_off"),
        ([{"method": "cheque", "amount": "25.00"}], "invalid_request"),
        ([cash("-25.00")], "invalid_request"),
        ([{"method": "cash", "amount": 25}], "invalid_request"),
        ([{"method": "cash", "amount": 25.0}], "invalid_request"),
        ([cash("25.000")], "invalid_request"),
        ([cash("1e3")], "invalid_request"),
    ],
)
def test_payments_that_do_not_add_up_change_nothing(yj: Hospital, payments: list, code: str) -> None:
    window = yj.window("cashier")
    before = counts(yj)
    reply = window.post("/charges", {**items(("F001", 1)), "payments": payments, "expected_total": "25.00"})
    assert reply.code == code
    assert counts(yj) == before


def test_a_total_that_is_not_what_the_window_showed_is_refused_with_the_right_one(yj: Hospital) -> None:
    before = counts(yj)
    reply = yj.window("cashier").post(
        "/charges", {**items(("F001", 1)), "payments": [cash("24.00")], "expected_total": "24.00"}
    )
    assert (reply.status, reply.code, reply.json["params"]["total"]) == (409, "total_changed", "25.00")
    assert counts(yj) == before


@pytest.mark.parametrize(
    ("basket", "code"),
    [
        ({"patient_id": WANG}, "nothing_to_charge"),
        ({"lines": [{"item_code": "F001", "quantity": 1}]}, "invalid_request"),
        (items(("NOPE", 1)), "unknown_fee_item"),
        (items(("F009", 1)), "inactive"),
        (items(("F001", 0)), "invalid_request"),
        (items(("F001", -1)), "invalid_request"),
        ({"patient_id": WANG, "lines": [{"item_code": "F001", "quantity": 1.5}]}, "invalid_request"),
        ({"patient_id": WANG, "lines": [{"item_code": "F001", "quantity": "1"}]}, "invalid_request"),
        (items(("F001", 1), patient="nobody"), "patient_not_found"),
        ({"patient_id": WANG, "prescription_ids": [RX_UNPAID]}, "patient_mismatch"),
        ({"prescription_ids": [RX_UNPAID, RX_UNPAID]}, "invalid_request"),
        ({"prescription_ids": ["nothing"]}, "prescription_not_found"),
        ({"order_ids": ["nothing"]}, "order_not_found"),
        ({"registration_id": "nothing"}, "registration_not_found"),
        ({**items(("F001", 1)), "typo": 1}, "invalid_request"),
    ],
)
def test_a_basket_that_cannot_be_charged_says_why_and_changes_nothing(yj: Hospital, basket: dict, code: str) -> None:
    window = yj.window("cashier")
    before = counts(yj)
    assert window.post("/charges/quote", basket).code == code
    assert window.post("/charges", {**basket, "payments": [], "expected_total": "0.00"}).code == code
    assert counts(yj) == before


def test_a_scope_without_the_department_refuses_and_one_with_it_charges(hospital: Hospital) -> None:
    hospital.emergency(["EK"])
    window = hospital.window("cashier")
    assert window.post("/charges/quote", {"prescription_ids": [RX_UNPAID]}).code == "out_of_scope"
    assert window.post("/charges/quote", items(("F001", 1))).code == "out_of_scope"


def test_a_scope_with_the_department_charges(hospital: Hospital) -> None:
    hospital.emergency(["NK"])
    assert good(charge(hospital.window("cashier"), {"prescription_ids": [RX_UNPAID]}))["department_code"] == "NK"


def test_nothing_is_charged_in_normal_mode(hospital: Hospital) -> None:
    reply = hospital.window("cashier").post(
        "/charges", {**items(("F001", 1)), "payments": [cash("25.00")], "expected_total": "25.00"}
    )
    assert reply.code == "mode_normal"


def test_a_drill_uses_its_own_numbers_and_touches_no_open_work(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    window = hospital.window("cashier")
    assert window.post("/charges/quote", {"prescription_ids": [RX_UNPAID]}).code == "drill_touches_open_work"
    first = good(charge(window, items(("F001", 1))))
    second = good(charge(hospital.window("cashier2"), items(("F001", 1))))
    assert first["receipt_no"].startswith("DRILL")
    assert first["receipt_no"] != second["receipt_no"]
    assert {row["state"] for row in hospital.outbox("charge")} == {"fenced"}
    hospital.back()
    hospital.emergency()
    assert window.get("/charges").json["items"] == []
    assert window.post(f"/charges/{first['id']}/refund", {"reason": "x"}).code in (
        "drill_mismatch",
        "pre_outage_charge",
    )


def test_charges_are_found_by_receipt_machine_number_patient_and_operator(yj: Hospital) -> None:
    window = yj.window("cashier")
    made = good(charge(window, items(("F001", 1))))
    good(charge(yj.window("cashier2"), items(("F002", 1), patient=ZHANG)))
    for query in (
        {"receipt_no": made["receipt_no"]},
        {"yj_no": made["yj_no"]},
        {"patient_id": WANG},
        {"operator": "0201"},
    ):
        assert [row["id"] for row in window.get("/charges", **query).json["items"]] == [made["id"]], query
    assert len(window.get("/charges", limit=1).json["items"]) == 1
    assert window.get(f"/charges/{made['id']}").json["yj_no"] == made["yj_no"]
    assert window.get("/charges/none").code == "charge_not_found"


def test_a_receipt_is_printed_once_as_original_and_then_as_numbered_reprint(yj: Hospital) -> None:
    window = yj.window("cashier")
    made = good(charge(window, {"prescription_ids": [RX_UNPAID]}))
    first = good(window.post(f"/charges/{made['id']}/prints"))
    second = good(window.post(f"/charges/{made['id']}/prints"))
    assert (first["copy_no"], first["reprint"]) == (1, False)
    assert (second["copy_no"], second["label"]) == (2, "补打 1")
    assert (first["hospital"], first["mark"], first["qr"]) == ("测试医院", "YJ", made["yj_no"])
    assert "*" in first["payer"]["id_no"]
    yj.back()
    assert good(window.post(f"/charges/{made['id']}/prints"))["copy_no"] == 3


def test_a_later_mirror_changes_nothing_that_was_charged(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), items(("F001", 1))))
    from tests.fixtures_hospital import CAST

    dearer = [{**row, "unit_price": "99.0000"} for row in CAST["fee_item"]]
    yj.mirror({**CAST, "fee_item": dearer}, generation=8)
    assert yj.window("cashier").get(f"/charges/{made['id']}").json["total"] == "25.00"
    assert yj.window("cashier").post("/charges/quote", items(("F001", 1))).json["total"] == "99.00"


def test_payments_equal_lines_in_every_document(yj: Hospital) -> None:
    window = yj.window("cashier")
    good(charge(window, items(("F001", 3), ("F004", 7)), wechat("20.00"), cash("100.00")))
    good(charge(window, {"prescription_ids": [RX_UNPAID]}))
    for row in yj.outbox("charge"):
        payload = json.loads(row["payload"])
        lines = sum(Decimal(line["amount"]) for line in payload["lines"])
        assert lines == sum(Decimal(p["amount"]) for p in payload["payments"]) == Decimal(payload["total"])


def test_the_answer_of_an_act_is_what_is_read_afterwards(yj: Hospital) -> None:
    window = yj.window("cashier")
    good(window.post("/shifts/open", {"float": "0.00"}))
    made = good(charge(window, {"prescription_ids": [RX_UNPAID], "order_ids": [ORDER_UNPAID]}))
    assert good(window.get(f"/charges/{made['id']}"), 200) == made
    part = [{"line_id": made["lines"][0]["line_id"], "quantity": 1}]
    back = good(window.post(f"/charges/{made['id']}/refund", {"reason": "x", "lines": part}))
    read = good(window.get(f"/charges/{back['id']}"), 200)
    assert {name: back[name] for name in read} == read


def test_a_long_list_of_charges_is_turned_page_by_page_without_a_gap(yj: Hospital) -> None:
    window = yj.window("cashier")
    made = [good(charge(window, items(("F001", 1))))["id"] for _ in range(5)]  # all in the same second
    seen, cursor = [], ""
    while cursor is not None:
        page = good(window.get("/charges", limit=2, **({"cursor": cursor} if cursor else {})), 200)
        seen += [row["id"] for row in page["items"]]
        cursor = page["next_cursor"]
        good(charge(window, items(("F003", 1))))  # what is made meanwhile moves nothing
    assert sorted(seen) == sorted(made)
    assert window.get("/charges", cursor="%%").code == "invalid_request"
    assert window.get("/charges", business_date="2026-11-23", limit=1).json["next_cursor"]
    assert window.get("/charges", business_date="2026-11-22").json["items"] == []
    assert window.get("/charges", business_date="today").code == "invalid_request"


def test_a_prescription_and_an_order_are_found_by_the_number_on_the_paper(yj: Hospital) -> None:
    window = yj.window("cashier")
    assert [row["id"] for row in window.get("/prescriptions", number="3001").json["items"]] == [RX_UNPAID]
    assert [row["id"] for row in window.get("/orders", number="2001").json["items"]] == [ORDER_UNPAID]
    assert window.get("/prescriptions", number="nothing").json["items"] == []


def test_doctors_are_found_by_pinyin_name_and_code(yj: Hospital) -> None:
    for text in ("LJG", "李建", "D301"):
        assert [row["staff_code"] for row in yj.window("cashier").get("/staff", q=text).json["items"]] == ["D301"]
