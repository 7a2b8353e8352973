"""What the doctor is told before anything is written, the drugs found for a form, and the order's print."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from fallback_server.store.audit import audit
from tests.fixtures_hospital import Hospital
from tests.windows.money_cast import WANG, counts, good
from tests.windows.test_doctor import CENTRE_ORDER, CENTRE_VISIT, order, prescribe, visit


def quote(hospital: Hospital, visit_id: str, *drugs: Any, **changed: Any) -> Any:
    lines = [{"drug_code": drug, "quantity": 1} if isinstance(drug, str) else drug for drug in drugs]
    body = {"registration_id": visit_id, "kind": "western", "diagnoses": ["J06.900"], "lines": lines, **changed}
    return hospital.window("doctor").post("/prescriptions/quote", body)


def test_a_quote_says_what_will_be_written_and_writes_nothing(yj: Hospital) -> None:
    visit_id = visit(yj, WANG)
    before = counts(yj)
    long = {"drug_code": "A007", "quantity": 2, "days": 9}
    told = good(quote(yj, visit_id, "A003", "A008", long, diagnoses=[]), 200)
    assert (told["total"], told["pharmacy_code"]) == ("65.24", "XYF")
    assert told["lines"][0] == {"unit_price": "3.3350", "amount": "3.34"}
    assert {warning["code"] for warning in told["warnings"]} == {
        "no_diagnosis", "allergy", "supply_days", "out_of_stock",
    }  # fmt: skip
    assert counts(yj) == before
    lines = [{"drug_code": "A003", "quantity": 1}, {"drug_code": "A008", "quantity": 1}, long]
    written = prescribe(yj, visit_id, *lines, diagnoses=[], acknowledged=["allergy", "no_diagnosis", "other"])
    assert (written.json["total"], written.json["warnings"]) == (told["total"], told["warnings"])
    with yj.store.reading() as tx:
        kept = tx.conn.execute(select(audit.c.detail).where(audit.c.action == "prescription.create")).scalar_one()
    assert kept["acknowledged"] == ["allergy", "no_diagnosis"]


def test_a_quote_is_refused_like_the_prescription(yj: Hospital) -> None:
    visit_id = visit(yj)
    assert quote(yj, visit_id, "N001").code == "paper_form_required"
    assert quote(yj, visit_id, "X001").code == "inactive"
    assert quote(yj, "nothing", "A001").code == "registration_not_found"
    body = {"registration_id": visit_id, "lines": [{"item_code": "F009", "quantity": 1}]}
    assert yj.window("doctor").post("/orders/quote", body).code == "inactive"


def test_an_order_is_quoted_with_what_was_ordered_before(yj: Hospital) -> None:
    body = {"registration_id": CENTRE_VISIT, "lines": [{"item_code": "F001", "quantity": 2}]}
    told = good(yj.window("doctor").post("/orders/quote", body), 200)
    assert (told["total"], told["lines"]) == ("50.00", [{"unit_price": "25.0000", "amount": "50.00"}])
    assert [warning["code"] for warning in told["warnings"]] == ["duplicate_item"]


def test_drugs_are_found_for_the_form_with_stock_and_the_stopped_ones_marked(yj: Hospital) -> None:
    window = yj.window("doctor")

    def found(q: str, kind: str = "western") -> dict[str, Any]:
        return {drug["drug_code"]: drug for drug in good(window.get("/doctor/drugs", q=q, kind=kind), 200)["items"]}

    assert found("amxl")["A001"]["stock"] == "500"
    assert found("阿莫仙")["A001"]["name"] == "阿莫西林胶囊"  # by its trade name
    assert found("停用")["X001"]["active"] is False
    assert found("YSMF")["N001"]["special_form"] is True
    assert found("断货")["A008"]["stock"] == "0"
    assert found("停用")["X001"]["stock"] is None
    assert set(found("BLG", "patent")) == set(found("BLG")) == {"P001"}
    assert found("HQ", "herbal").keys() == {"H001"} and found("HQ") == {} and found("") == {}


def test_an_order_is_printed_counted_with_where_to_go_and_why(yj: Hospital) -> None:
    visit_id = visit(yj)
    good(prescribe(yj, visit_id, "A001"))
    request = order(yj, visit_id, ("F001", 1), ("F002", 1)).json["id"]
    first = good(yj.window("doctor").post(f"/orders/{request}/prints"))
    assert (first["copy_no"], first["label"], first["diagnoses"]) == (1, None, ["急性上呼吸道感染"])
    assert first["places"] == {"JYK": {"name": "检验科", "location": "医技楼2层"}}
    assert good(yj.window("cashier").post(f"/orders/{request}/prints"))["label"] == "补打 1"
    assert yj.window("doctor").post("/orders/none/prints").code == "order_not_found"
    assert good(yj.window("doctor").post(f"/orders/{CENTRE_ORDER}/prints"))["patient"]["name"] == "张伟"
    yj.back()
    assert good(yj.window("doctor").post(f"/orders/{request}/prints"))["copy_no"] == 3
