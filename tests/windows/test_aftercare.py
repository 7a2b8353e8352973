"""When the documents are back: drugs to dispense in the HIS, receipts to exchange, the hall, refund wishes."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from fallback_server.domain.clock import SettableClock
from fallback_server.store.audit import audit
from sync.after.look import look
from sync.central.fake import FakeCentral
from sync.central.gateway import Unreachable
from sync.upload.run import run_upload
from tests.fixtures_hospital import Hospital, centre_id
from tests.fixtures_return import Rules, centre  # noqa: F401
from tests.windows.money_cast import RX_PAID, RX_UNPAID, charge, good

CENTRE_VISIT = centre_id("open_registration", "5001")


def visit(yj: Hospital, patient: str = "P1001") -> str:
    body = {
        "patient_id": centre_id("patient", patient), "department_code": "NK", "type_code": "MF", "payments": [],
    }  # fmt: skip
    return str(good(yj.window("registrar").post("/registrations", body))["id"])


def prescription(yj: Hospital, visit_id: str) -> str:
    lines = [{"drug_code": "A002", "quantity": 2}, {"drug_code": "A005", "quantity": 1}]
    body = {"registration_id": visit_id, "kind": "western", "diagnoses": ["I10.x00"], "lines": lines}
    return str(good(yj.window("doctor").post("/prescriptions", body))["id"])


def handed_over(yj: Hospital, prescription_id: str) -> None:
    if prescription_id != RX_PAID:
        good(charge(yj.window("cashier"), {"prescription_ids": [prescription_id]}))
    good(yj.window("pharmacist").post(f"/prescriptions/{prescription_id}/handover", {"checked_by": "0402"}))


def uploaded(yj: Hospital, centre: FakeCentral) -> None:  # noqa: F811
    report = run_upload(yj.store, centre, Rules())
    assert report.complete, report


def listed(yj: Hospital, what: str, who: str, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = good(yj.window(who).get(f"/after/{what}", **query), 200)["items"]
    return items


def test_what_was_handed_over_is_watched_at_the_centre_until_it_is_dispensed_there(
    yj: Hospital,
    clock: SettableClock,
    centre: FakeCentral,  # noqa: F811
) -> None:
    ours = prescription(yj, visit(yj))
    handed_over(yj, ours)
    handed_over(yj, RX_PAID)
    good(charge(yj.window("cashier"), {"prescription_ids": [RX_UNPAID]}))  # paid, and fetched after the outage
    assert listed(yj, "dispensing", "pharmacist") == []  # the outage goes on: nothing can be dispensed
    yj.back()
    rows = {one["id"]: one for one in listed(yj, "dispensing", "pharmacist")}
    assert set(rows) == {ours, RX_PAID}
    assert [rows[one]["at_centre"] for one in (ours, RX_PAID)] == [False, True]
    assert [(line["name"], line["quantity"]) for line in rows[ours]["lines"]] == [
        ("布洛芬缓释胶囊", 2),
        ("甲硝唑片", 1),
    ]
    assert (rows[ours]["patient"]["name"], rows[RX_PAID]["patient"]["name"]) == ("王芳", "欧阳修文")
    uploaded(yj, centre)
    key = {row["yj_id"]: row["central_key"] for row in yj.outbox("prescription")}[ours]
    status = {key: "open", "3002": "open"}
    centre.answers["after/dispensed"] = lambda binds: [{"status": status[binds["prescription_key"]]}]
    clock.advance(600)
    assert look(yj.store, centre).asked == 2
    (first, _) = listed(yj, "dispensing", "pharmacist")
    assert (first["status"], first["open_minutes"]) == ("open", 10)
    status["3002"] = "dispensed"
    clock.advance(60)
    assert look(yj.store, centre).done == 1
    assert [one["id"] for one in listed(yj, "dispensing", "pharmacist")] == [ours]
    assert [one["id"] for one in listed(yj, "dispensing", "pharmacist", pharmacy_code="ZYF")] == []
    (done,) = listed(yj, "dispensing", "pharmacist", state="done")
    assert (done["id"], done["done_by"]) == (RX_PAID, "system")
    pharmacist = yj.window("pharmacist")
    assert pharmacist.post(f"/prescriptions/{RX_PAID}/dispensed", {"note": "x"}).code == "already_done"
    good(pharmacist.post(f"/prescriptions/{ours}/dispensed", {"note": "HIS 已发，批次 3"}), 200)
    assert listed(yj, "dispensing", "pharmacist") == [] and look(yj.store, centre).asked == 0
    assert pharmacist.post("/prescriptions/none/dispensed", {"note": "x"}).code == "not_found"
    counted = good(yj.window("duty").get("/after/counts"), 200)
    assert counted["dispensing"] == {"open": 0, "done": 2}


def test_drugs_that_came_back_need_no_dispensing(yj: Hospital) -> None:
    ours = prescription(yj, visit(yj))
    handed_over(yj, ours)
    good(yj.window("pharmacist").post(f"/prescriptions/{ours}/return", {"reason": "病人不要"}))
    yj.back()
    assert listed(yj, "dispensing", "pharmacist") == []


def test_a_centre_that_goes_away_in_mid_look_loses_no_answer(
    yj: Hospital,
    clock: SettableClock,
    centre: FakeCentral,  # noqa: F811
) -> None:
    rows = [prescription(yj, visit(yj)) for _ in range(2)]
    for one in rows:
        clock.advance(1)
        handed_over(yj, one)
    yj.back()
    uploaded(yj, centre)
    answers = iter([[{"status": "dispensed", "dispensed_by": "0401 "}]])

    def answer(_: Any) -> list[dict[str, Any]]:
        try:
            return next(answers)
        except StopIteration:
            raise Unreachable("gone") from None

    centre.answers["after/dispensed"] = answer
    with pytest.raises(Unreachable):
        look(yj.store, centre)
    assert len(listed(yj, "dispensing", "pharmacist")) == 1
    assert listed(yj, "dispensing", "pharmacist", state="done")[0]["dispensed_by"] == "0401"


def test_nothing_is_asked_while_the_whole_hospital_is_in_yj(
    yj: Hospital,
    centre: FakeCentral,  # noqa: F811
) -> None:
    handed_over(yj, RX_PAID)
    yj.back()
    yj.emergency()
    centre.answers["after/dispensed"] = [{"status": "dispensed"}]
    asked = len(centre.calls)
    assert look(yj.store, centre).asked == 0 and len(centre.calls) == asked


def test_a_temporary_receipt_is_exchanged_once_by_a_named_person(yj: Hospital) -> None:
    cashier = yj.window("cashier")
    basket = {"patient_id": centre_id("patient", "P1001"), "lines": [{"item_code": "F001", "quantity": 2}]}
    made = [good(charge(cashier, basket)) for _ in range(3)]
    good(cashier.post(f"/charges/{made[2]['id']}/refund", {"reason": "不做了"}))
    part = {"lines": [{"line_id": made[1]["lines"][0]["line_id"], "quantity": 1}], "reason": "少做一次"}
    good(cashier.post(f"/charges/{made[1]['id']}/refund", part))
    assert cashier.post(f"/charges/{made[0]['id']}/exchange", {"formal_no": "E1"}).code == "charge_not_found"
    yj.back()
    items = listed(yj, "receipts", "cashier")
    assert [(one["receipt_no"], one["left"]) for one in items] == [
        (made[0]["receipt_no"], "50.00"), (made[1]["receipt_no"], "25.00"),
    ]  # fmt: skip
    assert [one["id"] for one in listed(yj, "receipts", "cashier", q=made[1]["receipt_no"])] == [made[1]["id"]]
    good(cashier.post(f"/charges/{made[0]['id']}/exchange", {"formal_no": "京财0001", "note": "x"}), 422)
    good(cashier.post(f"/charges/{made[0]['id']}/exchange", {"formal_no": "DZ-0001"}))
    assert cashier.post(f"/charges/{made[0]['id']}/exchange", {"formal_no": "DZ-0002"}).code == "already_done"
    assert cashier.post(f"/charges/{made[1]['id']}/exchange", {"formal_no": "DZ-0001"}).code == "formal_no_used"
    assert cashier.post(f"/charges/{made[2]['id']}/exchange", {"formal_no": "DZ-0003"}).code == "charge_not_found"
    (done,) = listed(yj, "receipts", "cashier", state="done")
    assert (done["formal_no"], done["exchanged_by"]) == ("DZ-0001", "0201")
    assert [one["id"] for one in listed(yj, "receipts", "cashier")] == [made[1]["id"]]
    with yj.store.reading() as tx:
        rows = tx.conn.execute(select(audit.c.subject, audit.c.detail).where(audit.c.action == "after.exchange")).all()
    assert [(row.subject, row.detail["formal_no"]) for row in rows] == [(made[0]["id"], "DZ-0001")]


def test_states_of_the_hall_are_written_where_the_mapping_can_and_keyed_in_where_it_cannot(
    yj: Hospital,
    clock: SettableClock,
    centre: FakeCentral,  # noqa: F811
) -> None:
    nurse = yj.window("triage")
    visits = {status: visit(yj) for status in ("seen", "called", "paused", "waiting")}
    for status in ("seen", "called", "waiting"):
        good(nurse.post(f"/triage/queue/{visits[status]}", {"status": status}), 200)
    good(nurse.post(f"/triage/queue/{CENTRE_VISIT}", {"status": "seen"}), 200)
    moved = visit(yj)
    good(nurse.post(f"/triage/queue/{moved}", {"status": "waiting", "department_code": "EK"}), 200)
    yj.back()
    uploaded(yj, centre)
    open_now = {one["id"]: one["status"] for one in listed(yj, "queue", "triage")}
    # Whoever arrives at the HIS waits there; everything else the HIS does not know.
    assert open_now == {
        visits["seen"]: "seen", visits["called"]: "called", visits["paused"]: "paused", CENTRE_VISIT: "seen",
        moved: "waiting",
    }  # fmt: skip
    taken = {"5001"}
    centre.answers["after/queue_seen"] = lambda binds: [{}] if binds["registration_key"] in taken else []
    found = look(yj.store, centre)
    assert (found.handed_back, found.refused) == (1, 1)
    assert [name for name, _ in centre.told if name.startswith("after/")] == ["after/queue_seen"] * 2
    left = {one["id"]: one for one in listed(yj, "queue", "triage")}
    assert CENTRE_VISIT not in left and left[visits["seen"]]["refused"]
    assert (look(yj.store, centre).handed_back, len(listed(yj, "queue", "triage", department_code="EK"))) == (0, 1)
    for one in left:
        good(nurse.post(f"/triage/queue/{one}/keyed", {}), 200)
    assert listed(yj, "queue", "triage") == []
    assert nurse.post(f"/triage/queue/{moved}/keyed", {}).code == "not_found"
    clock.advance(1)
    good(nurse.post(f"/triage/queue/{visits['called']}", {"status": "absent"}), 200)  # a later move is told anew
    assert [one["status"] for one in listed(yj, "queue", "triage")] == ["absent"]


def test_yesterdays_hall_is_no_business_of_today_but_who_was_seen_was_seen(yj: Hospital, clock: SettableClock) -> None:
    nurse = yj.window("triage")
    first, second = visit(yj), visit(yj)
    good(nurse.post(f"/triage/queue/{first}", {"status": "called"}), 200)
    good(nurse.post(f"/triage/queue/{second}", {"status": "seen"}), 200)
    clock.advance(24 * 3600)
    yj._windows.clear()
    yj.back()
    assert [one["id"] for one in listed(yj, "queue", "triage")] == [second]


def test_a_refund_wish_stays_until_somebody_says_what_was_done(yj: Hospital) -> None:
    cashier = yj.window("cashier")
    wish = good(cashier.post("/refund-wishes", {"receipt_no": "A0004999", "reason": "检查没做"}))
    yj.back()
    (shown,) = listed(yj, "refund-wishes", "cashier")
    assert (shown["id"], shown["charge_id"]) == (str(wish["id"]), "A0004999")
    good(cashier.post(f"/refund-wishes/{shown['id']}/done", {"how": "HIS 退费单 TF8812"}), 200)
    assert cashier.post(f"/refund-wishes/{shown['id']}/done", {"how": "again"}).code == "already_done"
    assert cashier.post("/refund-wishes/99/done", {"how": "x"}).code == "not_found"
    assert listed(yj, "refund-wishes", "cashier") == []
    (done,) = listed(yj, "refund-wishes", "duty", state="done")
    assert (done["done_by"], done["done_how"]) == ("0201", "HIS 退费单 TF8812")


def test_a_drill_leaves_nothing_to_do(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    basket = {"patient_id": centre_id("patient", "P1001"), "lines": [{"item_code": "F001", "quantity": 1}]}
    good(charge(hospital.window("cashier"), basket))
    hospital.back()
    counted = good(hospital.window("duty").get("/after/counts"), 200)
    assert all(one == {"open": 0, "done": 0} for one in counted.values())
