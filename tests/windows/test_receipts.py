"""Receipt numbers: the paper in the printer decides, a number is used once, and each has a fate."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from fallback_server.store import cash as tables
from tests.fixtures_hospital import CAST, Hospital, Window
from tests.windows.money_cast import cash, charge, counts, good, items


def fates(hospital: Hospital) -> dict[str, str]:
    """Every number that has a fate."""
    with hospital.store.reading() as tx:
        table = tables.receipt_number
        rows = tx.conn.execute(select(table.c.receipt_no, table.c.state).order_by(table.c.prefix, table.c.number))
        return {row.receipt_no: row.state for row in rows}


def test_the_window_shows_the_next_number_and_a_charge_takes_it(yj: Hospital) -> None:
    window = yj.window("cashier")
    book = good(window.get("/receipt-book"), 200)
    assert (book["next_no"], book["receipt_no"], book["remaining"], book["low"]) == (5021, "A00005021", 980, False)
    assert good(charge(window, items(("F001", 1)), receipt_no="A00005021"))["receipt_no"] == "A00005021"
    assert window.get("/receipt-book").json["receipt_no"] == "A00005022"
    assert fates(yj) == {"A00005021": "used"}


def test_a_number_that_is_not_the_next_is_refused_with_the_right_one(yj: Hospital) -> None:
    before = counts(yj)
    body = {**items(("F001", 1)), "payments": [cash("25.00")], "expected_total": "25.00", "receipt_no": "A00005030"}
    reply = yj.window("cashier").post("/charges", body)
    assert (reply.status, reply.code, reply.json["params"]["expected"]) == (409, "receipt_no_mismatch", "A00005021")
    assert counts(yj) == before


def test_confirming_forward_marks_the_skipped_numbers_unknown_and_backward_is_refused(yj: Hospital) -> None:
    window = yj.window("cashier")
    answer = good(window.post("/receipt-book/confirm", {"next_no": 5024}), 200)
    assert answer["skipped"] == ["A00005021", "A00005022", "A00005023"]
    assert good(charge(window, items(("F001", 1))))["receipt_no"] == "A00005024"
    assert set(fates(yj).values()) == {"unknown", "used"}
    assert window.post("/receipt-book/confirm", {"next_no": 5022}).code == "receipt_book_backward"
    assert window.post("/receipt-book/confirm", {"next_no": 9999}).code == "receipt_number_outside"
    assert good(window.post("/receipt-book/confirm", {"next_no": "A00005026"}), 200)["skipped"] == ["A00005025"]
    for wrong in (0, -1, 5.5, True, None):
        assert window.post("/receipt-book/confirm", {"next_no": wrong}).code == "invalid_request"


def test_spoilt_sheets_become_void_with_a_reason_and_are_passed_over(yj: Hospital) -> None:
    window = yj.window("cashier")
    spoilt = {"from_no": 5022, "to_no": 5023, "reason": "卡纸撕坏"}
    answer = good(window.post("/receipt-book/void", spoilt))
    assert answer["voided"] == ["A00005022", "A00005023"]
    numbers = [good(charge(window, items(("F001", 1))))["receipt_no"] for _ in range(2)]
    assert numbers == ["A00005021", "A00005024"]
    payload = json.loads(yj.outbox("receipt_event")[0]["payload"])
    assert (payload["kind"], payload["receipt_no"], payload["book_operator_code"]) == ("void", "A00005022", "0201")
    assert payload["numbers"] == [{"receipt_no": "A00005022"}, {"receipt_no": "A00005023"}]
    before = counts(yj)
    assert window.post("/receipt-book/void", spoilt).code == "receipt_number_used"
    assert window.post("/receipt-book/void", {**spoilt, "from_no": 5021}).code == "receipt_number_used"
    assert window.post("/receipt-book/void", {**spoilt, "from_no": 1, "to_no": 2}).code == "receipt_number_outside"
    assert (
        window.post("/receipt-book/void", {**spoilt, "from_no": 5030, "to_no": 5029}).code == "receipt_number_outside"
    )
    assert window.post("/receipt-book/void", {**spoilt, "reason": " "}).code == "invalid_request"
    assert counts(yj) == before


def test_after_a_paper_jam_the_charge_gets_the_next_number_and_the_old_one_is_void(yj: Hospital) -> None:
    window = yj.window("cashier")
    made = good(charge(window, items(("F001", 1))))
    again = good(window.post(f"/charges/{made['id']}/reissue", {"reason": "卡纸"}))
    assert (again["void_receipt_no"], again["receipt_no"]) == ("A00005021", "A00005022")
    shown = window.get(f"/charges/{made['id']}").json
    assert (shown["receipt_no"], shown["first_receipt_no"]) == ("A00005022", "A00005021")
    assert fates(yj) == {"A00005021": "void", "A00005022": "used"}
    payload = json.loads(yj.outbox("receipt_event")[0]["payload"])
    assert (payload["kind"], payload["receipt_no"], payload["new_receipt_no"]) == ("reissue", "A00005021", "A00005022")
    assert payload["refs"]["charge"]["id"] == made["id"]
    found = window.get("/charges", receipt_no="A00005021").json["items"]
    assert [row["id"] for row in found] == [made["id"]]
    once_more = good(window.post(f"/charges/{made['id']}/reissue", {"reason": "又卡纸", "receipt_no": "A00005023"}))
    assert once_more["void_receipt_no"] == "A00005022"
    assert (
        window.post(f"/charges/{made['id']}/reissue", {"reason": "x", "receipt_no": "A1"}).code == "receipt_no_mismatch"
    )


def test_an_exhausted_book_says_so_and_a_new_one_goes_on(yj: Hospital) -> None:
    window = yj.window("cashier2")  # three sheets
    assert window.get("/receipt-book").json["low"] is True
    numbers = [good(charge(window, items(("F001", 1))))["receipt_no"] for _ in range(3)]
    assert numbers == ["A00007001", "A00007002", "A00007003"]
    before = counts(yj)
    body = {**items(("F001", 1)), "payments": [cash("25.00")], "expected_total": "25.00"}
    assert window.post("/charges", body).code == "receipt_book_exhausted"
    assert counts(yj) == before
    new = {"operator": "0202", "prefix": "B", "start_no": 1, "end_no": 2}
    assert window.post("/receipt-books", new).code == "forbidden"
    good(yj.window("supervisor").post("/receipt-books", new))
    assert good(window.post("/charges", body))["receipt_no"] == "B00000001"


@pytest.mark.parametrize(
    ("book", "code"),
    [
        ({"operator": "0202", "prefix": "A", "start_no": 5500, "end_no": 5600}, "receipt_book_overlap"),
        ({"operator": "0202", "prefix": "A", "start_no": 7003, "end_no": 7010}, "receipt_book_overlap"),
        ({"operator": "9999", "prefix": "B", "start_no": 1, "end_no": 2}, "unknown_operator"),
        ({"operator": "0202", "prefix": "B", "start_no": 9, "end_no": 2}, "invalid_request"),
        ({"operator": "0202", "prefix": "DRILL", "start_no": 1, "end_no": 2}, "drill_mismatch"),
        ({"operator": "0202", "prefix": "B", "start_no": -1, "end_no": 2}, "invalid_request"),
    ],
)
def test_a_book_that_cannot_be_is_not_issued(yj: Hospital, book: dict, code: str) -> None:
    before = counts(yj)
    assert yj.window("supervisor").post("/receipt-books", book).code == code
    assert counts(yj) == before


def test_a_later_mirror_never_touches_a_book_in_use_but_the_next_incident_takes_the_larger(yj: Hospital) -> None:
    window = yj.window("cashier")
    good(charge(window, items(("F001", 1))))

    def book(next_no: int) -> dict:
        rows = [row | ({"next_no": next_no} if row["operator_code"] == "0201" else {}) for row in CAST["receipt_book"]]
        return {**CAST, "receipt_book": rows}

    yj.mirror(book(5500), generation=8)
    assert good(charge(window, items(("F001", 1))))["receipt_no"] == "A00005022"
    yj.back()
    yj.mirror(book(5010), generation=9)
    yj.emergency()
    assert good(charge(window, items(("F001", 1))))["receipt_no"] == "A00005023"
    yj.back()
    yj.mirror(book(5600), generation=10)
    yj.emergency()
    assert window.get("/receipt-book").json["receipt_no"] == "A00005600"
    assert good(charge(window, items(("F001", 1))))["receipt_no"] == "A00005600"


def test_one_without_a_book_is_told_to_fetch_one(yj: Hospital) -> None:
    yj.mirror({**CAST, "receipt_book": []}, generation=8)
    window = yj.window("cashier")
    assert window.get("/receipt-book").json["receipt_no"] is None
    body = {**items(("F001", 1)), "payments": [cash("25.00")], "expected_total": "25.00"}
    assert window.post("/charges", body).code == "receipt_book_missing"


def plain(hospital: Hospital, hospital_settings: object) -> Window:
    from config.settings import Settings
    from fallback_server.app import create_app

    assert isinstance(hospital_settings, Settings)
    windows = hospital_settings.windows.model_copy(update={"receipt": "plain"})
    settings = hospital_settings.model_copy(update={"windows": windows})
    app: Flask = create_app(settings, hospital.clock, store=hospital.store)
    return replace(hospital.window("cashier"), app=app)


def test_where_receipts_are_plain_there_is_no_book_and_no_number(yj: Hospital, hospital_settings: object) -> None:
    window = plain(yj, hospital_settings)
    made = good(charge(window, items(("F001", 1))))
    assert made["receipt_no"] is None
    assert window.get("/receipt-book").code == "receipt_plain"
    assert window.post("/receipt-book/confirm", {"next_no": 1}).code == "receipt_plain"
    assert window.post("/receipt-book/void", {"from_no": 1, "to_no": 2, "reason": "x"}).code == "receipt_plain"
    assert window.post(f"/charges/{made['id']}/reissue", {"reason": "x"}).code == "receipt_plain"
    body = {**items(("F001", 1)), "payments": [cash("25.00")], "expected_total": "25.00", "receipt_no": "A00005021"}
    assert window.post("/charges", body).code == "receipt_plain"
    assert fates(yj) == {}


def test_a_book_can_be_prepared_before_the_outage_and_is_used_in_it(hospital: Hospital) -> None:
    book = {"operator": "0202", "prefix": "Q", "start_no": 1, "end_no": 50}
    issued = hospital.window("supervisor").post("/receipt-books", book)
    assert issued.status == 201, issued.json
    hospital.emergency()
    shown = hospital.window("cashier2").get("/receipt-book").json
    assert "Q00000001" in [one["first_receipt_no"] for one in shown["books"]]
