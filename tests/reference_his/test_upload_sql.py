"""Each upload file against a real centre: what it writes, and every conflict it names."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from sync.reference_his.moments import HOSPITAL_ZONE, centre_now
from tests.reference_his.conftest import ConflictError, file_of, money, query, scalar, upload

PERIOD = {"since": "2026-11-22T11:00:00+08:00", "until": "2026-11-22T12:00:00+08:00"}
ID_NO = "110199202001011230"


def patient(centre: Connection, **changes: Any) -> str:
    body = {"name": "周小满", "sex": "F", "birth_date": "2020-01-01", "birth_time": "08:30", "id_no": ID_NO}
    return upload(centre, "patient", **{**body, "id_type": "01", "phone": "15400000001", "card_no": "YJC1", **changes})


def registration(centre: Connection, patient_key: str, **changes: Any) -> str:
    body = {
        "patient_key": patient_key, "patient_name": "周小满", "department_code": "EKZH", "type_code": "HLJ-PT",
        "schedule_id": None, "session": "am", "visit_kind": "outpatient", "weight_kg": "18.5", "queue_no": 901,
        "total": "8.00",
    }  # fmt: skip
    return upload(centre, "registration", **{**body, **changes})


def drug(centre: Connection) -> dict[str, Any]:
    sql = "SELECT ypxh, lsj FROM yp_xx WHERE lb = '1' AND coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0 LIMIT 1"
    row = centre.execute(text(sql)).one()
    return {"drug_code": str(row.ypxh), "unit_price": str(row.lsj), "amount": f"{money(row.lsj) * 1:.2f}"}


def fee(centre: Connection) -> dict[str, Any]:
    sql = "SELECT trim(xmdm) AS code, dj FROM sf_xm WHERE coalesce(tybz, '0') = '0' AND mzbz = '1' LIMIT 1"
    row = centre.execute(text(sql)).one()
    return {"item_code": row.code, "unit_price": str(row.dj), "amount": f"{row.dj:.2f}"}


LINE = {"line_no": 1, "name": "药", "unit": "盒", "quantity": 1, "receipt_category": "western", "note": None}


def prescription(centre: Connection, item: dict[str, Any], **changes: Any) -> str:
    body = {
        "patient_key": changes.pop("patient_key", "1"), "kind": "western", "diagnosis_codes": "J06.900,A00.051#2",
        "department_code": "EKZH", "staff_code": "0002", "total": item["amount"], "lines": [{**LINE, **item}],
    }  # fmt: skip
    return upload(centre, "prescription", **{**body, **changes})


def order(centre: Connection, item: dict[str, Any]) -> str:
    lines = [{**LINE, **item, "receipt_category": "treatment"}]
    return upload(
        centre, "order", patient_key="1", department_code="EKZH", staff_code="0002", total=item["amount"], lines=lines
    )


def charge(centre: Connection, amount: str, **changes: Any) -> str:
    line = {**LINE, "line_id": "L1", "source": "registration", "item_code": "CONSULT_FEE", "unit_price": amount,
            "amount": amount, "receipt_category": "consultation"}  # fmt: skip
    body = {
        "patient_key": "1", "charge_kind": "outpatient", "patient_name": "周小满", "receipt_no": "MZ77770001",
        "total": amount, "lines": [line],
        "payments": [{"payment_no": 1, "method": "wechat", "amount": amount, "reference": "4200", "state": "received"}],
    }  # fmt: skip
    return upload(centre, "charge", **{**body, **changes})


def settling(kind: str, key: str, item: dict[str, Any]) -> dict[str, Any]:
    code = item.get("drug_code") or item["item_code"]
    line = {**LINE, **item, "line_id": "L1", "source": kind, "source_id": f"id-{key}", "item_code": code}
    return {"lines": [line], f"{kind}s": [{"id": f"id-{key}", "origin": "centre", "central_key": key, "key": key}]}


def conflict(code: str) -> Any:
    return pytest.raises(ConflictError, match=f"^{code}$")


def test_a_new_patient_is_filed_with_mark_number_and_card(centre: Connection) -> None:
    key = patient(centre)
    row = centre.execute(text("SELECT * FROM br_da WHERE brxh = :key"), {"key": int(key)}).mappings().one()
    assert (row["csny"], row["xb"], row["yjbz"], row["yjlsh"]) == ("2020010108:30:00", "2", "1", "YJ2611220010001")
    assert scalar(centre, "SELECT brxh FROM br_kp WHERE kh = 'YJC1'") == int(key)
    assert query(centre, "upload/find_patient", yj_no="YJ2611220010001") == [{"central_key": key}]
    match = query(centre, "upload/match_patient", id_no=ID_NO, name="", sex="F", birth_date=None)
    assert [(row["patient_no"], row["birth_date"], row["active"]) for row in match] == [(key, "2020-01-01", 1)]


def test_an_unknown_child_without_birth_date_gets_the_sentinel(centre: Connection) -> None:
    key = patient(centre, birth_date=None, birth_time=None, id_no=None, card_no=None)
    assert scalar(centre, "SELECT csny FROM br_da WHERE brxh = :key", key=int(key)) == "1900010100:00:00"


def test_the_same_id_number_or_card_is_never_filed_twice(centre: Connection) -> None:
    patient(centre)
    with conflict("patient_exists"):
        patient(centre, card_no=None)
    with conflict("card_exists"):
        patient(centre, id_no=None)


def test_a_registration_sells_a_place_and_can_be_moved_and_given_back(centre: Connection) -> None:
    slot = scalar(centre, "SELECT min(pbxh) FROM gh_pb WHERE pbrq = '20261122'")
    sold = scalar(centre, "SELECT yghs FROM gh_pb WHERE pbxh = :slot", slot=slot)
    key = registration(centre, patient(centre), schedule_id=str(slot))
    assert scalar(centre, "SELECT yghs FROM gh_pb WHERE pbxh = :slot", slot=slot) == sold + 1
    assert scalar(centre, "SELECT yxrq FROM gh_mx WHERE ghxh = :key", key=int(key)) == "20261122"
    upload(centre, "registration_transfer", yj_no="YJ2", registration_key=key, department_code="XEHXK")
    upload(centre, "registration_cancel", yj_no="YJ3", registration_key=key, reason="走错科")
    assert scalar(centre, "SELECT yghs FROM gh_pb WHERE pbxh = :slot", slot=slot) == sold
    for entity, number in (("registration_transfer", "YJ2"), ("registration_cancel", "YJ3")):
        assert query(centre, f"upload/find_{entity}", yj_no=number) == [{"central_key": key}]
    (row,) = query(centre, "verify/registration", **PERIOD)
    assert (row["department_code"], row["status"]) == ("XEHXK", "cancelled")
    with conflict("registration_changed"):
        upload(centre, "registration_cancel", registration_key=key, reason="again")


def test_a_patient_whose_archive_is_gone_goes_to_a_person(centre: Connection) -> None:
    with conflict("patient_gone"):
        registration(centre, "99999999")


def test_a_department_that_is_gone_goes_to_a_person(centre: Connection) -> None:
    for act in (lambda: registration(centre, "1", department_code="NOPE"),
                lambda: prescription(centre, drug(centre), department_code="NOPE")):  # fmt: skip
        with conflict("department_gone"):
            act()


def test_a_prescription_of_ours_is_written_charged_noted_and_refunded(centre: Connection) -> None:
    item = drug(centre)
    key = prescription(centre, item)
    assert scalar(centre, "SELECT zddm FROM cf_zb WHERE cfxh = :key", key=int(key)) == "J06.900,A00.051"
    assert query(centre, "upload/settle_check_prescription", key=key)[0]["status"] == "unpaid"
    paid = charge(centre, item["amount"], **settling("prescription", key, item))
    (row,) = query(centre, "upload/settle_check_prescription", key=key)
    assert (row["status"], money(row["amount"])) == ("paid", money(item["amount"]))
    assert upload(centre, "dispense_note", prescription_key=key, handed_by="0440", checked_by="0441") == key
    refund(centre, paid, item["amount"], prescriptions=[{"id": "p", "origin": "yj", "key": key}])
    assert query(centre, "upload/settle_check_prescription", key=key)[0]["status"] == "refunded"


def refund(centre: Connection, original: str, amount: str, **changes: Any) -> str:
    line = {**LINE, "line_id": "R1", "original_line_id": "L1", "source": "item", "item_code": "X", "quantity": -1,
            "unit_price": amount, "amount": f"-{amount}"}  # fmt: skip
    body = {
        "original_key": original, "charge_kind": "outpatient", "patient_name": "周小满", "yj_no": "YJ9",
        "original_receipt_no": "MZ77770001", "total": f"-{amount}", "reason": "退药", "lines": [line],
        "payments": [{"payment_no": 1, "method": "wechat", "amount": f"-{amount}", "state": "received"}],
    }  # fmt: skip
    return upload(centre, "refund", **{**body, **changes})


def test_a_stopped_drug_or_item_is_price_gone(centre: Connection) -> None:
    item, service = drug(centre), fee(centre)
    centre.execute(text("UPDATE yp_xx SET tybz = '1' WHERE ypxh = :key"), {"key": int(item["drug_code"])})
    centre.execute(text("UPDATE sf_xm SET tybz = '1' WHERE xmdm = :key"), {"key": service["item_code"]})
    with conflict("price_gone"):
        prescription(centre, item)
    with conflict("price_gone"):
        prescription(centre, {**item, "drug_code": "999999"})
    with conflict("price_gone"):
        order(centre, service)
    line = {**LINE, **service, "source": "item", "receipt_category": "treatment"}
    with conflict("price_gone"):
        charge(centre, service["amount"], lines=[line])


def test_the_centres_own_unpaid_prescription_is_settled_once(centre: Connection) -> None:
    item = drug(centre)
    key = prescription(centre, item)
    centre.execute(text("UPDATE cf_zb SET yjbz = NULL, zt = NULL WHERE cfxh = :key"), {"key": int(key)})
    charge(centre, item["amount"], **settling("prescription", key, item))
    with conflict("prescription_already_paid"):
        charge(centre, item["amount"], receipt_no="MZ77770002", **settling("prescription", key, item))


def test_a_prescription_changed_at_the_centre_is_noticed(centre: Connection) -> None:
    item = drug(centre)
    key = prescription(centre, item)
    centre.execute(text("UPDATE cf_mx SET sl = 2, je = je * 2 WHERE cfxh = :key"), {"key": int(key)})
    with conflict("prescription_changed"):
        charge(centre, item["amount"], **settling("prescription", key, item))
    centre.execute(text("UPDATE cf_zb SET zt = '9' WHERE cfxh = :key"), {"key": int(key)})
    with conflict("prescription_changed"):
        charge(centre, item["amount"], **settling("prescription", key, item))


def test_an_order_is_written_paid_and_settled_once(centre: Connection) -> None:
    item = fee(centre)
    key = order(centre, item)
    charge(centre, item["amount"], **settling("order", key, item))
    assert query(centre, "upload/settle_check_order", key=key)[0]["status"] == "paid"
    with conflict("order_already_paid"):
        charge(centre, item["amount"], receipt_no="MZ77770002", **settling("order", key, item))


def test_unpaid_papers_can_be_taken_back_and_paid_ones_not(centre: Connection) -> None:
    item, service = drug(centre), fee(centre)
    key = prescription(centre, item)
    upload(centre, "prescription_cancel", yj_no="YJ4", prescription_key=key, reason="开错")
    assert query(centre, "upload/find_prescription_cancel", yj_no="YJ4") == [{"central_key": key}]
    with conflict("prescription_changed"):
        upload(centre, "prescription_cancel", prescription_key=key, reason="开错")
    paid = order(centre, service)
    charge(centre, service["amount"], **settling("order", paid, service))
    with conflict("order_already_paid"):
        upload(centre, "order_cancel", order_key=paid, reason="开错")


def test_a_receipt_number_used_or_void_at_the_centre_is_refused(centre: Connection) -> None:
    used = scalar(centre, "SELECT fphm FROM sf_zb WHERE fphm IS NOT NULL LIMIT 1")
    with conflict("receipt_no_used"):
        charge(centre, "8.00", receipt_no=used)
    upload(centre, "receipt_event", yj_no="YJ5", kind="void", reason="卡纸", numbers=[{"receipt_no": "MZ77770009"}])
    with conflict("receipt_no_used"):
        charge(centre, "8.00", receipt_no="MZ77770009")
    with conflict("receipt_no_used"):
        upload(centre, "receipt_event", kind="void", reason="卡纸", numbers=[{"receipt_no": used}])
    assert charge(centre, "8.00", receipt_no=None)


def test_a_refused_document_leaves_nothing_behind(centre: Connection) -> None:
    used = scalar(centre, "SELECT fphm FROM sf_zb WHERE fphm IS NOT NULL LIMIT 1")
    before = [scalar(centre, "SELECT dqz FROM gy_xh WHERE bm = 'SF_ZB'"), scalar(centre, "SELECT sum(bs) FROM gy_sftj")]
    with conflict("receipt_no_used"):
        charge(centre, "8.00", receipt_no=used)
    assert before == [
        scalar(centre, "SELECT dqz FROM gy_xh WHERE bm = 'SF_ZB'"), scalar(centre, "SELECT sum(bs) FROM gy_sftj"),
    ]  # fmt: skip


def test_after_a_paper_jam_the_charge_carries_the_new_number(centre: Connection) -> None:
    key = charge(centre, "8.00")
    event = {"charge_key": key, "kind": "reissue", "receipt_no": "MZ77770001", "book_operator_code": "0393"}
    done = upload(centre, "receipt_event", yj_no="YJ6", new_receipt_no="MZ77770002", reason="卡纸", **event)
    assert query(centre, "upload/find_receipt_event", yj_no="YJ6") == [{"central_key": done}]
    assert query(centre, "verify/charge", **PERIOD)[0]["receipt_no"] == "MZ77770002"
    with conflict("charge_changed"):
        upload(centre, "receipt_event", new_receipt_no="MZ77770003", reason="卡纸", **event)


def test_refunds_point_back_mark_the_first_and_never_exceed_it(centre: Connection) -> None:
    key = charge(centre, "10.00")
    part = refund(centre, key, "4.00")
    state = "SELECT zt FROM sf_zb WHERE sfxh = :key"
    assert scalar(centre, state, key=int(key)) == "2"
    with conflict("refund_exceeds"):
        refund(centre, key, "6.01")
    refund(centre, key, "6.00")
    assert scalar(centre, state, key=int(key)) == "1"
    with conflict("charge_already_refunded"):
        refund(centre, key, "1.00")
    rows = {row["central_key"]: row for row in query(centre, "verify/refund", **PERIOD)}
    assert sorted((row["original_key"], money(row["total"])) for row in rows.values()) == [
        (key, money("-6.00")),
        (key, money("-4.00")),
    ]
    assert money(rows[part]["total"]) == money("-4.00")


def test_what_was_dispensed_or_executed_meanwhile_is_not_refunded_silently(centre: Connection) -> None:
    item, service = drug(centre), fee(centre)
    key, asked = prescription(centre, item), order(centre, service)
    centre.execute(text("UPDATE cf_zb SET zt = '2' WHERE cfxh = :key"), {"key": int(key)})
    centre.execute(text("UPDATE yj_sq SET zt = '2' WHERE sqxh = :key"), {"key": int(asked)})
    paid = charge(centre, "8.00")
    with conflict("prescription_dispensed"):
        refund(centre, paid, "8.00", prescriptions=[{"id": "p", "origin": "yj", "key": key}])
    with conflict("order_executed"):
        refund(centre, paid, "8.00", orders=[{"id": "o", "origin": "yj", "key": asked}])


def test_a_registration_fee_is_tied_to_its_registration(centre: Connection) -> None:
    visit = registration(centre, "1")
    key = charge(centre, "8.00", charge_kind="registration", registration_key=visit)
    assert scalar(centre, "SELECT sfxh FROM gh_mx WHERE ghxh = :key", key=int(visit)) == int(key)


def test_verification_reads_our_rows_with_our_codes_and_nothing_else(centre: Connection) -> None:
    key = charge(centre, "12.34")
    refund(centre, key, "12.34")
    assert [money(row["total"]) for row in query(centre, "verify/charge", **PERIOD)] == [money("12.34")]
    lines = query(centre, "verify/charge_line", **PERIOD)
    assert sorted((row["receipt_category"], money(row["amount"])) for row in lines) == [
        ("consultation", money("12.34")), ("western", money("-12.34")),
    ]  # fmt: skip
    payments = query(centre, "verify/payment", **PERIOD)
    assert sorted((row["method"], money(row["amount"])) for row in payments) == [
        ("wechat", money("-12.34")), ("wechat", money("12.34")),
    ]  # fmt: skip
    item, service = drug(centre), fee(centre)
    prescription(centre, item)
    order(centre, service)
    assert [row["status"] for row in query(centre, "verify/prescription", **PERIOD)] == ["unpaid"]
    assert [money(row["total"]) for row in query(centre, "verify/order", **PERIOD)] == [money(service["amount"])]


def test_the_next_receipt_number_moves_forward_and_never_back(centre: Connection) -> None:
    book = centre.execute(text("SELECT czydm, qz, qshm, dqhm FROM pj_ly WHERE zt = '1' ORDER BY lyxh LIMIT 1")).one()
    advance = {"operator_code": book.czydm.strip(), "prefix": book.qz.strip()}
    following = "SELECT dqhm FROM pj_ly WHERE zt = '1' AND czydm = :code"
    for asked, expected in ((int(book.dqhm) + 7, int(book.dqhm) + 7), (int(book.dqhm) + 2, int(book.dqhm) + 7)):
        moved(centre, next_no=asked, **advance)
        assert scalar(centre, following, code=book.czydm) == f"{expected:08d}"
    moved(centre, next_no=99_999_999, **advance)
    assert scalar(centre, following, code=book.czydm) == f"{int(book.dqhm) + 7:08d}"


def moved(centre: Connection, **binds: Any) -> None:
    (step,) = file_of(centre, "upload/advance_receipt_book").steps
    centre.execute(step.statement, binds)


def test_the_ledger_tables_are_made_twice_without_harm_and_refuse_a_second_time(centre: Connection) -> None:
    file = file_of(centre, "ledger")
    for step in [*file.steps, *file.steps]:
        centre.execute(step.statement)
    row = text("INSERT INTO yj_ledger (yj_id, entity, incident_no, installation_id, sequence, payload_hash, applied_at)"
               " VALUES (:id, 'charge', 1, 'i', :number, 'h', '2026-11-22 08:00:00')")  # fmt: skip
    refused = []
    for yj_id, number in (("a", 1), ("a", 2), ("b", 1), ("b", 2)):
        try:
            with centre.begin_nested():
                centre.execute(row, {"id": yj_id, "number": number})
        except IntegrityError:
            refused.append((yj_id, number))
    assert refused == [("a", 2), ("b", 1)]


def test_the_probe_answers_in_hospital_time(centre: Connection) -> None:
    (row,) = query(centre, "probe")
    said = row["server_time"]
    said = said if isinstance(said, datetime) else datetime.fromisoformat(said)
    said = said if said.tzinfo else said.replace(tzinfo=HOSPITAL_ZONE)
    assert abs(said - centre_now()) < timedelta(minutes=1)
    assert any(name in row["version"] for name in ("PostgreSQL", "MariaDB", "SQLite"))
