"""Refunds: always against the original, never more than remains, never while the drugs are with the patient."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from sqlalchemy import update

from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import new_ulid
from fallback_server.store.mode import incident
from tests.fixtures_hospital import ADMIN, PASSWORD, Hospital, Reply
from tests.windows.money_cast import ORDER_UNPAID, RX_UNPAID, cash, charge, counts, good, items, wechat

SUPERVISOR = {"operator": "0601", "password": PASSWORD}


def refund(hospital: Hospital, charge_id: str, **body: Any) -> Reply:
    return hospital.window("cashier").post(f"/charges/{charge_id}/refund", {"reason": "病人要求", **body})


def test_without_lines_all_that_remains_goes_back_the_way_it_came(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), items(("F001", 2), ("F003", 1)), wechat("30.00"), cash("28.50")))
    back = good(refund(yj, made["id"]))
    assert (back["refund_of"], back["total"], back["receipt_no"]) == (made["id"], "-58.50", None)
    assert (back["original_receipt_no"], back["original_yj_no"]) == (made["receipt_no"], made["yj_no"])
    assert [(p["method"], p["amount"]) for p in back["payments"]] == [("cash", "-28.50"), ("wechat", "-30.00")]
    assert back["total_in_words"].startswith("负")
    assert refund(yj, made["id"]).code == "nothing_to_refund"
    assert yj.window("cashier").get(f"/charges/{made['id']}").json["status"] == "refunded"
    following = good(charge(yj.window("cashier"), items(("F001", 1))))
    assert following["receipt_no"] == "A00005022"  # a refund takes no number


def test_parts_of_a_line_add_up_to_the_line_exactly(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), items(("F004", 3))))  # 3 × 0.8350 = 2.505 → 2.51
    line = made["lines"][0]["line_id"]
    parts = [good(refund(yj, made["id"], lines=[{"line_id": line, "quantity": 1}]))["total"] for _ in range(3)]
    assert sum(Decimal(part) for part in parts) == Decimal("-2.51")
    assert refund(yj, made["id"], lines=[{"line_id": line, "quantity": 1}]).code == "nothing_to_refund"


def test_more_than_remains_a_foreign_line_and_a_refund_of_a_refund_change_nothing(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), items(("F001", 2))))
    other = good(charge(yj.window("cashier"), items(("F003", 1))))
    line = made["lines"][0]["line_id"]
    back = good(refund(yj, made["id"], lines=[{"line_id": line, "quantity": 1}]))
    before = counts(yj)
    for body, code in (
        ({"lines": [{"line_id": line, "quantity": 2}]}, "refund_too_much"),
        ({"lines": [{"line_id": other["lines"][0]["line_id"], "quantity": 1}]}, "invalid_request"),
        ({"lines": [{"line_id": line, "quantity": 1}, {"line_id": line, "quantity": 1}]}, "invalid_request"),
        ({"lines": [{"line_id": line, "quantity": -1}]}, "invalid_request"),
        ({"lines": [{"line_id": line, "quantity": 0.5}]}, "invalid_request"),
        ({"lines": []}, "invalid_request"),
        ({"reason": ""}, "invalid_request"),
        ({"payments": [cash("24.00")]}, "payments_mismatch"),
        ({"payments": [{"method": "arrears", "amount": "25.00"}]}, "method_off"),
    ):
        assert refund(yj, made["id"], **body).code == code, body
    assert refund(yj, back["id"]).code == "refund_of_refund"
    assert refund(yj, new_ulid(yj.clock.now())).code == "charge_not_found"
    assert counts(yj) == before


def test_payments_may_be_chosen_but_must_add_up(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), items(("F001", 1)), wechat("25.00")))
    back = good(refund(yj, made["id"], payments=[cash("25.00")]))
    assert [(p["method"], p["amount"]) for p in back["payments"]] == [("cash", "-25.00")]


def test_a_large_refund_needs_a_second_person(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), items(("F002", 3))))
    before = counts(yj)
    assert refund(yj, made["id"]).code == "second_person_required"
    own = {"operator": "0201", "password": PASSWORD}
    assert refund(yj, made["id"], approver=own).code == "approver_rejected"
    assert refund(yj, made["id"], approver={**SUPERVISOR, "password": "wrong"}).code == "approver_rejected"
    assert counts(yj) == before
    small = [{"line_id": made["lines"][0]["line_id"], "quantity": 2}]
    good(refund(yj, made["id"], lines=small))  # 160.00 is below the limit
    large = good(charge(yj.window("cashier"), items(("F002", 3))))
    assert good(refund(yj, large["id"], approver=SUPERVISOR))["approver"] == "0601"


def test_a_charge_from_before_the_outage_is_refused_and_the_wish_kept(yj: Hospital) -> None:
    window = yj.window("cashier")
    before = counts(yj)
    assert refund(yj, "HIS20261123001").code == "pre_outage_charge"
    assert counts(yj) == before
    wish = good(window.post("/refund-wishes", {"receipt_no": "A00004711", "reason": "停机前多收"}))
    assert [row["charge"] for row in window.get("/refund-wishes").json["items"]] == ["A00004711"]
    assert wish["operator"] == "0201"
    assert window.post("/refund-wishes", {"reason": "什么都没说"}).code == "invalid_request"


def test_a_charge_of_an_older_unclosed_incident_is_refunded_in_the_later_one(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), items(("F001", 1))))
    yj.back()
    assert refund(yj, made["id"]).code == "mode_normal"
    later = yj.emergency()
    back = good(refund(yj, made["id"]))
    assert (back["incident_no"], back["refund_of"]) == (later, made["id"])


def test_a_charge_of_a_closed_incident_is_the_his_s_again(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), items(("F001", 1))))
    yj.back()
    with yj.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(incident).values(state="closed", closed_at=tx.at))
    yj.emergency()
    assert refund(yj, made["id"]).code == "pre_outage_charge"


def test_the_document_names_the_original_and_what_is_wholly_refunded(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), {"prescription_ids": [RX_UNPAID], "order_ids": [ORDER_UNPAID]}))
    drug = next(line for line in made["lines"] if line["source"] == "prescription")
    good(refund(yj, made["id"], lines=[{"line_id": drug["line_id"], "quantity": 1}]))
    good(refund(yj, made["id"]))
    first, second = (json.loads(row["payload"]) for row in yj.outbox("refund"))
    assert (first["prescriptions"], first["orders"]) == ([], [])
    assert [ref["central_key"] for ref in second["prescriptions"]] == ["3001"]
    assert [ref["central_key"] for ref in second["orders"]] == ["2001"]
    for payload, total in ((first, "-18.50"), (second, "-43.50")):
        assert payload["total"] == total
        assert payload["refs"]["original"] == {"id": made["id"], "origin": "yj", "central_key": None}
        assert payload["refs"]["patient"]["central_key"] == "P1003"
        assert payload["original_receipt_no"] == made["receipt_no"]
        assert all(line["quantity"] < 0 and line["original_line_id"] for line in payload["lines"])
    again = yj.window("cashier").post("/charges/quote", {"prescription_ids": [RX_UNPAID]})
    assert again.code == "already_refunded"


def test_drugs_with_the_patient_are_refunded_only_after_the_pharmacy_took_them_back(yj: Hospital) -> None:
    made = good(charge(yj.window("cashier"), {"prescription_ids": [RX_UNPAID]}))
    pharmacist = yj.window("pharmacist")
    good(pharmacist.post(f"/prescriptions/{RX_UNPAID}/handover", {"checked_by": "0402"}))
    before = counts(yj)
    assert refund(yj, made["id"]).code == "handed_over"
    assert counts(yj) == before
    line = yj.window("pharmacist").get("/pharmacy/prescriptions", state="handed_over").json["items"][0]["lines"][0]
    one = {"lines": [{"line_id": line["line_id"], "quantity": 1}], "reason": "退药"}
    good(pharmacist.post(f"/prescriptions/{RX_UNPAID}/return", one))
    assert refund(yj, made["id"]).code == "handed_over"
    drug = made["lines"][0]["line_id"]
    good(refund(yj, made["id"], lines=[{"line_id": drug, "quantity": 1}]))
    assert refund(yj, made["id"], lines=[{"line_id": drug, "quantity": 1}]).code == "handed_over"
    good(pharmacist.post(f"/prescriptions/{RX_UNPAID}/return", {"reason": "退药"}))
    good(refund(yj, made["id"]))


def test_money_in_doubt_is_given_back_in_doubt(yj: Hospital) -> None:
    doubtful = {"method": "wechat", "amount": "25.00", "state": "in_doubt"}
    made = good(charge(yj.window("cashier"), items(("F001", 1)), doubtful))
    assert [p["state"] for p in good(refund(yj, made["id"]))["payments"]] == ["in_doubt"]


def test_what_a_refund_would_come_to_is_told_before_and_writes_nothing(yj: Hospital) -> None:
    window = yj.window("cashier")
    made = good(charge(window, items(("F002", 3), ("F004", 3)), wechat("242.51")))
    before, path = counts(yj), f"/charges/{made['id']}/refund/quote"
    whole = good(window.post(path), 200)
    assert (whole["total"], whole["second_person"]) == ("-242.51", True)
    part = {"lines": [{"line_id": made["lines"][1]["line_id"], "quantity": 1}]}
    few = good(window.post(path, part), 200)
    assert (few["second_person"], [p["method"] for p in few["payments"]]) == (False, ["wechat"])
    assert counts(yj) == before
    assert good(refund(yj, made["id"], **part))["total"] == few["total"]
    too_many = {"lines": [{"line_id": made["lines"][1]["line_id"], "quantity": 3}]}
    assert window.post(path, too_many).code == "refund_too_much"
    assert window.post("/charges/none/refund/quote").code == "pre_outage_charge"
