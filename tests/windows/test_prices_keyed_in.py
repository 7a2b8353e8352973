"""Prices and items keyed in during an outage by two people: they hold until the centre has spoken."""

from __future__ import annotations

import copy
from typing import Any

from sqlalchemy import select

from fallback_server.store.audit import audit
from sync.after.look import look
from sync.central.fake import FakeCentral
from tests.fixtures_hospital import CAST, PASSWORD, Hospital, Reply, centre_id
from tests.windows.money_cast import WANG, charge, good

SECOND = {"operator": "0701", "password": PASSWORD}


def keyed(yj: Hospital, code: str, dataset: str = "drug", who: str = "supervisor", **more: Any) -> Reply:
    body = {"dataset": dataset, "code": code, "reason": "省里调价通知", "approver": SECOND, **more}
    if "unit_price" in more:
        body.setdefault("unit_price_again", more["unit_price"])
    return yj.window(who).post("/price-changes", body)


def price(yj: Hospital, code: str, dataset: str = "drug") -> str | None:
    """What a window is told."""
    path, key = ("/drugs", "drug_code") if dataset == "drug" else ("/fee-items", "item_code")
    items = good(yj.window("doctor").get(path, q=code), 200)["items"]
    return next((one["unit_price"] for one in items if one[key] == code), None)


def mirrored(yj: Hospital, generation: int, dataset: str, code: str, **values: Any) -> None:
    """The centre's next generation, in which an item is otherwise."""
    cast = copy.deepcopy(CAST)
    key = "drug_code" if dataset == "drug" else "item_code"
    rows = [row for row in cast[dataset] if row[key] == code]
    if rows:
        rows[0].update(values)
    else:
        cast[dataset].append({key: code, "active": True, **values})
    yj.mirror(cast, generation=generation)


def standing(yj: Hospital) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = good(yj.window("admin").get("/price-changes"), 200)["items"]
    return items


def prescribed(yj: Hospital, code: str, quantity: int = 2) -> dict[str, Any]:
    body = {"patient_id": WANG, "department_code": "NK", "type_code": "MF", "payments": []}
    visit = good(yj.window("registrar").post("/registrations", body))
    lines = [{"drug_code": code, "quantity": quantity}]
    return dict(
        good(
            yj.window("doctor").post(
                "/prescriptions",
                {"registration_id": visit["id"], "kind": "western", "diagnoses": ["I10.x00"], "lines": lines},
            )
        )
    )


def test_a_price_two_people_keyed_in_is_charged_at_every_window_and_printed_papers_stay(yj: Hospital) -> None:
    before = prescribed(yj, "A002")
    assert (before["total"], price(yj, "A002")) == ("37.00", "18.5000")
    made = good(keyed(yj, "A002", unit_price="20"))
    assert (made["kind"], made["before"], made["row"]) == (
        "price", {"unit_price": "18.5000"}, {"unit_price": "20.0000"},
    )  # fmt: skip
    assert price(yj, "A002") == "20.0000"
    assert prescribed(yj, "A002")["total"] == "40.00"
    assert good(charge(yj.window("cashier"), {"prescription_ids": [before["id"]]}))["total"] == "37.00"
    good(keyed(yj, "F001", "fee_item", unit_price="26.5"))
    basket = {"patient_id": WANG, "lines": [{"item_code": "F001", "quantity": 2}]}
    assert good(charge(yj.window("cashier"), basket))["total"] == "53.00"
    with yj.store.reading() as tx:
        rows = tx.conn.execute(select(audit).where(audit.c.action == "masters.change")).mappings().all()
    assert [(row["operator_code"], row["approver_code"]) for row in rows] == [("0601", "0701")] * 2


def test_it_takes_two_people_who_both_type_the_price(yj: Hospital) -> None:
    own = {"operator": "0601", "password": PASSWORD}
    assert keyed(yj, "A002", unit_price="20", approver=None).code == "second_person_required"
    assert keyed(yj, "A002", unit_price="20", approver=own).code == "approver_rejected"
    assert keyed(yj, "A002", unit_price="20", unit_price_again="2.0").json["params"]["field"] == "unit_price_again"
    assert keyed(yj, "A002", unit_price="20", who="cashier").code == "forbidden"
    assert keyed(yj, "A002", unit_price="18.50").code == "nothing_changed"
    assert keyed(yj, "A002", unit_price="1e3").code == "invalid_request"
    assert keyed(yj, "A404", unit_price="1").code == "unknown_drug"
    assert keyed(yj, "A002").code == "invalid_request"
    assert standing(yj) == [] and price(yj, "A002") == "18.5000"


def test_prices_are_the_hiss_business_outside_an_outage(hospital: Hospital) -> None:
    assert keyed(hospital, "A002", unit_price="20").code == "mode_normal"


def test_a_new_drug_can_be_found_prescribed_and_charged(yj: Hospital) -> None:
    new = {"name": "奥司他韦胶囊", "unit": "盒", "category": "western", "spec": "75mg*10粒"}
    good(keyed(yj, "A100", unit_price="88.6", new=new))
    assert keyed(yj, "A100", unit_price="88.6", new=new).code == "code_known"
    assert keyed(yj, "F001", unit_price="1", new=new).code == "code_known"  # one list on a charge
    found = good(yj.window("doctor").get("/drugs", q="ASTW"), 200)["items"]
    assert [(one["drug_code"], one["unit_price"]) for one in found] == [("A100", "88.6000")]
    page = good(yj.window("doctor").get("/drugs", limit=3), 200)
    codes = [one["drug_code"] for one in page["items"]]
    while page["next_cursor"]:
        page = good(yj.window("doctor").get("/drugs", limit=3, cursor=page["next_cursor"]), 200)
        codes += [one["drug_code"] for one in page["items"]]
    assert codes == sorted(codes) and codes.count("A100") == 1
    made = prescribed(yj, "A100", 1)
    assert made["lines"][0]["name"] == "奥司他韦胶囊"
    good(charge(yj.window("cashier"), {"prescription_ids": [made["id"]]}))
    good(yj.window("pharmacist").post(f"/prescriptions/{made['id']}/prints"))
    good(keyed(yj, "A100", unit_price="80"))  # the new one may change its price too
    assert price(yj, "A100") == "80.0000"


def test_a_stopped_item_is_sold_no_more_and_may_be_sold_again(yj: Hospital) -> None:
    stop = good(keyed(yj, "A005", active=False))
    assert (stop["kind"], price(yj, "A005")) == ("stop", None)
    body = {"dataset": "drug", "code": "A005", "active": True, "reason": "恢复供应", "approver": SECOND}
    assert good(yj.window("admin").post("/price-changes", body))["ended_how"] == "withdrawn"
    assert price(yj, "A005") == "5.6000"


def test_the_change_is_dropped_when_the_mirror_says_the_same_or_something_else(
    yj: Hospital,
) -> None:
    good(keyed(yj, "A002", unit_price="20"))
    good(keyed(yj, "A005", unit_price="6"))
    new = {"name": "奥司他韦胶囊", "unit": "盒", "category": "western"}
    good(keyed(yj, "A100", unit_price="88.6", new=new))
    mirrored(yj, 8, "drug", "A004", unit_price="2.1000")  # says nothing about ours
    assert [price(yj, code) for code in ("A002", "A005", "A004")] == ["20.0000", "6.0000", "2.1000"]
    mirrored(yj, 9, "drug", "A002", unit_price="20.0000")
    assert [price(yj, code) for code in ("A002", "A005")] == ["20.0000", "6.0000"]
    assert {one["code"]: one["answered"] for one in standing(yj)} == {"A002": "caught_up", "A005": None, "A100": None}
    mirrored(yj, 10, "drug", "A005", unit_price="7.0000")  # at once, before any worker looked: the centre's word
    assert price(yj, "A005") == "7.0000"
    yj.back()
    assert look(yj.store, FakeCentral(yj.clock)).masters_ended == 1  # A002 stands at 18.50 again as of generation 10
    items = good(yj.window("admin").get("/price-changes", state="ended"), 200)["items"]
    assert [(one["code"], one["ended_how"]) for one in items] == [("A005", "overruled")]


def test_a_new_item_is_dropped_when_the_centre_has_it(yj: Hospital) -> None:
    new = {"name": "核酸检测", "unit": "次", "category": "laboratory"}
    good(keyed(yj, "F100", "fee_item", unit_price="3.4", new=new))
    item = good(yj.window("doctor").get("/fee-items", q="F100"), 200)["items"][0]
    assert item["id"] == centre_id("fee_item", "F100")  # the same item, before and after
    mirrored(yj, 8, "fee_item", "F100", name="核酸检测（单人）", unit="次", unit_price="3.4000",
             receipt_category="laboratory")  # fmt: skip
    items = good(yj.window("doctor").get("/fee-items", q="F100"), 200)["items"]
    assert [one["name"] for one in items] == ["核酸检测（单人）"]
    yj.back()
    look(yj.store, FakeCentral(yj.clock))
    (ended,) = good(yj.window("admin").get("/price-changes", state="ended"), 200)["items"]
    assert ended["ended_how"] == "caught_up"


def test_a_change_is_taken_back_by_two_people(yj: Hospital) -> None:
    made = good(keyed(yj, "A002", unit_price="20"))
    replaced = good(keyed(yj, "A002", unit_price="21"))
    assert (replaced["before"], len(standing(yj))) == ({"unit_price": "18.5000"}, 1)
    window = yj.window("supervisor")
    path = f"/price-changes/{replaced['id']}/withdraw"
    assert window.post(path, {"reason": "通知作废"}).code == "second_person_required"
    good(window.post(path, {"reason": "通知作废", "approver": SECOND}), 200)
    assert window.post(path, {"reason": "x", "approver": SECOND}).code == "already_cancelled"
    body = {"reason": "x", "approver": SECOND}
    assert window.post(f"/price-changes/{made['id']}/withdraw", body).code == "already_cancelled"
    assert price(yj, "A002") == "18.5000"


def test_a_drills_prices_end_with_the_drill(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    good(keyed(hospital, "A002", unit_price="99"))
    assert price(hospital, "A002") == "99.0000"
    hospital.back()
    assert price(hospital, "A002") == "18.5000"
    hospital.emergency()
    assert price(hospital, "A002") == "18.5000" and standing(hospital) == []
    good(keyed(hospital, "A002", unit_price="20"))
    assert price(hospital, "A002") == "20.0000"
