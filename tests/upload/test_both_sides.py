"""A part of the hospital in YJ beside the HIS: what both sides took from one stock goes to a person at the upload."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from sqlalchemy import select

from fallback_server.store.conflicts import list_conflicts
from fallback_server.store.returning import blind_row
from sync.central.fake import FakeCentral
from sync.central.gateway import Refused
from tests.fixtures_hospital import CAST, Hospital
from tests.upload.test_mirror_between_incidents import centre, mirror, upload  # noqa: F401
from tests.windows.money_cast import RX_PAID, RX_UNPAID, WANG, ZHANG, cash, charge, good

NUMBER = {"department_code": "NK", "type_code": "ZJ", "schedule_id": "S1", "payments": [cash("30.00")]}


@pytest.fixture
def beside(hospital: Hospital, centre: FakeCentral) -> Hospital:  # noqa: F811
    """Internal medicine is in YJ, the rest works on; the masters were just read."""
    mirror(hospital, centre)
    hospital.emergency(["NK"])
    hospital.clock.advance(60)
    return hospital


def conflicts(hospital: Hospital) -> dict[str, dict[str, Any]]:
    with hospital.store.reading() as tx:
        return {one["kind"]: one for one in list_conflicts(tx.conn, 1, only_open=True)}


def sold_there(centre: FakeCentral, hospital: Hospital, *numbers: int) -> None:  # noqa: F811
    """The centre sells numbers of S1 now, and its schedule says so."""
    at = hospital.clock.now().strftime("%Y-%m-%d %H:%M:%S")
    rows = [
        {"central_key": f"80{n}", "patient_no": "P1004", "department_code": "NK", "staff_code": "D301",
         "schedule_id": "S1", "queue_no": n, "occurred_at": at, "status": "waiting"}
        for n in numbers
    ]  # fmt: skip
    centre.answers["blind_window/registration"] = rows
    schedule = copy.deepcopy(CAST["schedule"])
    schedule[0]["used"] += len(numbers)
    centre.datasets["schedule"] = schedule


def end(hospital: Hospital, centre: FakeCentral) -> dict[str, dict[str, Any]]:  # noqa: F811
    hospital.clock.advance(60)
    hospital.back()
    hospital.clock.advance(60)
    upload(hospital, centre)
    return conflicts(hospital)


def test_one_number_sold_on_both_sides_and_a_session_sold_out_twice(beside: Hospital, centre: FakeCentral) -> None:  # noqa: F811
    slip = good(beside.window("registrar").post("/registrations", {**NUMBER, "patient_id": WANG}))
    sold_there(centre, beside, slip["queue_no"])
    found = end(beside, centre)
    assert found["doubt_queue_number"]["central"]["central_key"] == f"80{slip['queue_no']}"
    assert found["doubt_oversold"]["local"]["sold"] == 1


def test_places_that_a_later_mirror_shows_are_not_counted_twice(beside: Hospital, centre: FakeCentral) -> None:  # noqa: F811
    """Two places, one sold there before. The HIS sells none more: ours is the second, and nothing is oversold."""
    centre.datasets["schedule"] = [{**CAST["schedule"][0], "capacity": 3}, *CAST["schedule"][1:]]
    good(beside.window("registrar").post("/registrations", {**NUMBER, "patient_id": WANG}))
    sold_there(centre, beside, 900)
    centre.datasets["schedule"][0]["capacity"] = 3
    beside.clock.advance(60)
    mirror(beside, centre, "schedule")  # used is 2 now: one from before, one of the outage
    assert "doubt_oversold" not in end(beside, centre)


def test_drugs_that_the_shelf_did_not_hold_become_a_work_item(beside: Hospital, centre: FakeCentral) -> None:  # noqa: F811
    good(charge(beside.window("cashier"), {"patient_id": ZHANG, "prescription_ids": [RX_UNPAID]}))
    for one in (RX_UNPAID, RX_PAID):
        good(beside.window("pharmacist").post(f"/prescriptions/{one}/handover", {"checked_by": "0402"}))
    stock = copy.deepcopy(CAST["drug_stock"])
    for row in stock:
        row["qty"] = "1.00" if row["drug_code"] == "A002" else row["qty"]
    centre.datasets["drug_stock"] = stock  # the HIS gave the rest to others
    beside.clock.advance(60)
    mirror(beside, centre, "drug_stock")
    found = end(beside, centre)["doubt_stock_short"]
    assert (found["local"]["drug_code"], found["local"]["handed_over"], found["central"]["qty"]) == ("A002", 2, "1.00")


def test_a_shelf_of_a_whole_outage_is_not_shared(hospital: Hospital, centre: FakeCentral) -> None:  # noqa: F811
    centre.datasets["drug_stock"] = [{**row, "qty": "0.00"} for row in CAST["drug_stock"]]
    mirror(hospital, centre)
    hospital.emergency()
    good(hospital.window("pharmacist").post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402"}))
    assert end(hospital, centre) == {}


def test_one_prescription_paid_on_both_sides_waits_for_a_person(beside: Hospital, centre: FakeCentral) -> None:  # noqa: F811
    paid = good(charge(beside.window("cashier"), {"patient_id": ZHANG, "prescription_ids": [RX_UNPAID]}))
    at = beside.clock.now().strftime("%Y-%m-%d %H:%M:%S")
    centre.answers["blind_window/charge"] = [
        {"central_key": "901", "patient_no": "P1003", "operator_code": "0202", "receipt_no": "X1", "total": "37.00",
         "occurred_at": at, "refund_of": None, "yj_mark": 0}
    ]  # fmt: skip
    centre.refuse(paid["id"], Refused("prescription_already_paid", "cf_zb.zt = 1"))
    found = end(beside, centre)
    assert set(found) == {"prescription_already_paid", "doubt_charged_twice"}
    assert found["prescription_already_paid"]["yj_id"] == paid["id"]


def test_one_receipt_number_on_both_sides_waits_for_a_person(beside: Hospital, centre: FakeCentral) -> None:  # noqa: F811
    paid = good(charge(beside.window("cashier"), {"patient_id": ZHANG, "prescription_ids": [RX_UNPAID]}))
    at = beside.clock.now().strftime("%Y-%m-%d %H:%M:%S")
    centre.answers["blind_window/charge"] = [
        {"central_key": "902", "patient_no": "P1004", "operator_code": "0201", "receipt_no": paid["receipt_no"],
         "total": "5.00", "occurred_at": at, "refund_of": None, "yj_mark": 0}
    ]  # fmt: skip
    assert set(end(beside, centre)) == {"doubt_receipt_number"}


def test_one_item_paid_on_both_sides_is_seen_whatever_else_was_paid_with_it(
    beside: Hospital,
    centre: FakeCentral,  # noqa: F811
) -> None:
    paid = good(charge(beside.window("cashier"), {"patient_id": ZHANG, "prescription_ids": [RX_UNPAID]}))
    line = paid["lines"][0]
    at = beside.clock.now().strftime("%Y-%m-%d %H:%M:%S")
    theirs = {"operator_code": "0202", "occurred_at": at, "refund_of": None, "yj_mark": 0}
    centre.answers["blind_window/charge"] = [
        theirs | {"central_key": "901", "patient_no": "P1003", "receipt_no": "X1", "total": "99.00"},
        theirs | {"central_key": "902", "patient_no": "P1003", "receipt_no": "X2", "total": "98.00"},
        theirs | {"central_key": "903", "patient_no": "P1004", "receipt_no": "X3", "total": "97.00"},
    ]
    item = {"item_code": line["item_code"], "name": "x", "quantity": f"{line['quantity']}.00"}
    other = {"item_code": "F777", "name": "血常规", "quantity": "1"}
    more = {**item, "quantity": line["quantity"] + 1}
    centre.answers["blind_window/charge_line"] = [
        {"charge_key": "901", **item}, {"charge_key": "901", **other},
        {"charge_key": "902", **other}, {"charge_key": "902", **more},
        {"charge_key": "903", **item},  # another patient
    ]  # fmt: skip
    found = end(beside, centre)
    assert set(found) == {"doubt_charged_twice"}
    assert found["doubt_charged_twice"]["central"]["central_key"] == "901"
    assert "items" not in found["doubt_charged_twice"]["central"]
    assert found["doubt_charged_twice"]["local"]["same_items"] == f"{line['name']} ×{line['quantity']}"
    with beside.store.reading() as tx:
        kept = tx.conn.execute(select(blind_row.c.row).where(blind_row.c.central_key == "903")).scalar_one()
    assert kept["items"] == []  # of somebody who paid nothing here
