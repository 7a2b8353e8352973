"""A shift: opened with what is in the drawer, closed with what was counted, on one sheet."""

from __future__ import annotations

from tests.fixtures_hospital import Hospital
from tests.windows.money_cast import cash, charge, counts, good, items, wechat

OPENING = {
    "float": "200.00",
    "his_cash_kept_apart": "1350.50",
    "last_his_receipt_no": "A00005020",
    "act_in_hand": "张伟 化验费",
}


def test_a_shift_is_opened_once_and_charges_belong_to_it(yj: Hospital) -> None:
    window = yj.window("cashier")
    shift = good(window.post("/shifts/open", OPENING))
    assert (shift["float"], shift["his_cash_kept_apart"], shift["open"]) == ("200.00", "1350.50", True)
    assert good(charge(window, items(("F001", 1))))["shift"] == shift["id"]
    before = counts(yj)
    assert window.post("/shifts/open", OPENING).code == "shift_open"
    assert window.post("/shifts/open", {**OPENING, "float": "-1.00"}).code == "invalid_request"
    assert window.post("/shifts/open", {}).code == "invalid_request"
    assert counts(yj) == before


def test_the_sheet_shows_receipts_methods_categories_and_the_difference(yj: Hospital) -> None:
    window = yj.window("cashier")
    good(charge(window, items(("F003", 1))))  # before the shift: on nobody's sheet
    yj.clock.advance(60)
    shift = good(window.post("/shifts/open", OPENING))
    yj.clock.advance(60)
    first = good(charge(window, items(("F001", 2)), cash("100.00")))
    good(charge(window, items(("F002", 1)), wechat("80.00")))
    good(window.post("/receipt-book/void", {"from_no": 5024, "to_no": 5024, "reason": "污损"}))
    good(window.post(f"/charges/{first['id']}/reissue", {"reason": "卡纸"}))
    good(window.post("/receipt-book/confirm", {"next_no": 5028}), 200)
    good(charge(window, items(("F001", 1))))
    line = first["lines"][0]["line_id"]
    good(
        window.post(
            f"/charges/{first['id']}/refund", {"reason": "少做一次", "lines": [{"line_id": line, "quantity": 1}]}
        )
    )
    yj.clock.advance(60)
    live = good(window.get(f"/shifts/{shift['id']}"), 200)["sheet"]
    assert (live["charges"], live["refunds"], live["outside_shift"]) == (3, 1, 1)
    counted = [{"method": "cash", "amount": "249.00"}, {"method": "wechat", "amount": "80.00"}]
    closed = good(window.post("/shifts/close", {"counted": counted}), 200)
    sheet = closed["sheet"]
    methods = {row["method"]: row for row in sheet["by_method"]}
    assert (methods["cash"]["amount"], methods["cash"]["due"], methods["cash"]["difference"]) == (
        "50.00",
        "250.00",
        "-1.00",
    )
    assert methods["wechat"]["difference"] == "0.00"
    assert (sheet["total"], sheet["difference"]) == ("130.00", "-1.00")
    assert [(row["category"], row["amount"]) for row in sheet["by_category"]] == [
        ("examination", "80.00"), ("laboratory", "50.00"),
    ]  # fmt: skip
    receipts = sheet["receipts"]
    assert receipts["used"] == [
        {"from": "A00005023", "to": "A00005023", "count": 1},
        {"from": "A00005025", "to": "A00005025", "count": 1},
        {"from": "A00005028", "to": "A00005028", "count": 1},
    ]
    assert [(row["receipt_no"], row["kind"]) for row in receipts["void"]] == [
        ("A00005024", "void"),
        ("A00005022", "reissue"),
    ]
    assert receipts["unknown"] == [{"from": "A00005026", "to": "A00005027", "count": 2}]
    assert receipts["missing"] == []
    assert len(sheet["audit"]["hash"]) == 64
    good(charge(window, items(("F001", 1))))
    assert window.get(f"/shifts/{shift['id']}").json["sheet"] == sheet  # as it was signed
    assert window.post("/shifts/close", {"counted": counted}).code == "shift_missing"


def test_a_shift_can_be_closed_after_the_return(yj: Hospital) -> None:
    window = yj.window("cashier")
    good(window.post("/shifts/open", {"float": "0.00"}))
    good(charge(window, items(("F001", 1))))
    yj.back()
    assert window.post("/shifts/open", {"float": "0.00"}).code == "mode_normal"
    closed = good(window.post("/shifts/close", {"counted": [{"method": "cash", "amount": "25.00"}]}), 200)
    assert closed["sheet"]["difference"] == "0.00"
    twice = {"counted": [{"method": "cash", "amount": "1.00"}, {"method": "cash", "amount": "1.00"}]}
    assert window.post("/shifts/close", twice).code == "invalid_request"


def test_a_shift_is_seen_by_its_cashier_and_by_those_who_read_everything(yj: Hospital) -> None:
    shift = good(yj.window("cashier").post("/shifts/open", OPENING))
    assert yj.window("cashier2").get(f"/shifts/{shift['id']}").code == "forbidden"
    assert yj.window("cashier2").get("/shifts", operator="0201").code == "forbidden"
    for who in ("supervisor", "auditor", "admin"):
        assert yj.window(who).get(f"/shifts/{shift['id']}").json["id"] == shift["id"]
        assert len(yj.window(who).get("/shifts", operator="0201").json["items"]) == 1
    assert yj.window("cashier").get("/shifts/none").code == "not_found"


def test_a_shift_left_open_by_a_drill_ends_when_the_real_one_begins(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    window = hospital.window("cashier")
    practice = good(window.post("/shifts/open", {"float": "0.00"}))
    good(charge(window, items(("F001", 1))))
    hospital.emergency()  # a real outage ends the drill
    made = good(charge(window, items(("F001", 1))))
    assert made["shift"] is None
    real = good(window.post("/shifts/open", {"float": "0.00"}))
    assert good(charge(window, items(("F001", 1))))["shift"] == real["id"]
    ended = window.get(f"/shifts/{practice['id']}").json
    assert ended["open"] is False
    assert ended["sheet"]["receipts"]["used"][0]["from"].startswith("DRILL")


def test_a_sheet_is_printed_once_as_original_and_then_as_numbered_reprint(yj: Hospital) -> None:
    window = yj.window("cashier")
    shift = good(window.post("/shifts/open", OPENING))
    good(charge(window, items(("F001", 1))))
    assert good(window.post(f"/shifts/{shift['id']}/prints"))["reprint"] is False
    yj.back()  # the sheet may be printed after the outage
    assert good(window.post(f"/shifts/{shift['id']}/prints"))["label"] == "补打 1"
    assert yj.window("cashier2").post(f"/shifts/{shift['id']}/prints").code == "forbidden"
    assert window.post("/shifts/none/prints").code == "not_found"
