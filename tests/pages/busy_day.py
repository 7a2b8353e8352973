"""A morning in YJ mode with something of everything, so that every page and print has something to show."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.fixtures_hospital import Hospital, Reply, centre_id


@dataclass(frozen=True)
class BusyDay:
    """Ids of what was done."""

    incident: int
    registration: str
    prescription: str
    order: str
    charge: str
    refund: str
    shift: str
    drill: str = "1"


def practised(hospital: Hospital) -> str:
    """A planned drill that is over, with a registration, a finding and everybody's acknowledgement; its number."""
    admin, registrar = hospital.window("admin"), hospital.window("registrar")
    plan = {
        "title": "秋季全院应急演练", "objectives": "五分钟内所有窗口切换；十分钟内开出第一张票据",
        "people": ["门诊收费处全体", "内科门诊", "西药房"], "workstations": ["W0101", "W0201", "W0999"],
        "observers": ["医务科 韩", "审计科 沈"],
    }  # fmt: skip
    number = _done(admin.post("/drills", plan))["id"]
    hospital.window("cashier")
    _done(admin.post(f"/drills/{number}/start"), 200)
    for seconds, who, role in ((8, registrar, "registrar"), (15, hospital.window("cashier"), "cashier")):
        hospital.clock.advance(seconds)
        body = {"workstation": f"W{who.operator}", "role": role, "epoch": who.get("/mode").json["epoch"]}
        _done(who.post("/workstations/heartbeat", body), 200)
    hospital.clock.advance(40)
    _registered(registrar, centre_id("patient", "P1001"), "NK", "PT")
    hospital.clock.advance(500)
    finding = {"kind": "problem", "text": "三号窗口没有人会切换，等了两分钟", "owner": "门诊办", "due_on": "2026-12-01"}
    _done(hospital.window("supervisor").post(f"/drills/{number}/findings", finding))
    _done(admin.post(f"/drills/{number}/findings", {"kind": "good", "text": "药房手工发药单齐全"}))
    hospital.back()
    return str(number)


def busy_day(hospital: Hospital, *, drill: bool = False) -> BusyDay:
    """Switch YJ on and work: every kind of document once, names and lengths that break poor layouts included."""
    incident = hospital.emergency(drill=drill)
    cashier, doctor = hospital.window("cashier"), hospital.window("doctor")
    pharmacist, registrar = hospital.window("pharmacist"), hospital.window("registrar")
    shift = _done(cashier.post("/shifts/open", {"float": "200.00", "last_his_receipt_no": "A005020"}))["id"]
    _done(registrar.post("/shifts/open", {"float": "100.00"}))
    person = {
        "name": "欧阳𠮷䶮㛃", "sex": "M", "birth_date": "2026-09-01", "guardian_name": "欧阳修远",
        "guardian_phone": "13812340000", "allergy": "青霉素、头孢菌素类、磺胺类药物过敏", "phone": "13812340000",
    }  # fmt: skip
    patient = _done(registrar.post("/patients", person))["id"]
    visit = _registered(registrar, patient, "EK", "PT", weight_kg="5.4")
    _registered(registrar, centre_id("patient", "P1001"), "NK", "ZJ", staff_code="D301", schedule_id="S1")
    lines = [
        {"drug_code": code, "quantity": 2, "dose": "0.5", "dose_unit": "g", "usage": "口服", "frequency": "每日三次",
         "days": 3}
        for code in ("A001", "A002", "A004", "A007", "P001")
    ]  # fmt: skip
    kind = {"registration_id": visit, "kind": "western", "diagnoses": ["J06.900"], "lines": lines}
    prescription = _done(doctor.post("/prescriptions", kind))["id"]
    order = _done(
        doctor.post(
            "/orders",
            {
                "registration_id": visit,
                "lines": [{"item_code": "F001", "quantity": 1}, {"item_code": "F002", "quantity": 1}],
            },
        )
    )["id"]
    basket = {
        "registration_id": visit, "prescription_ids": [prescription], "order_ids": [order],
        "lines": [{"item_code": "F003", "quantity": 2}],
    }  # fmt: skip
    total = _done(cashier.post("/charges/quote", basket), 200)["total"]
    paid = [{"method": "wechat", "amount": "50.00", "reference": "4200000123"}]
    paid.append({"method": "cash", "amount": str(Decimal(total) - Decimal("50.00"))})
    charge = _done(cashier.post("/charges", {**basket, "payments": paid, "expected_total": total}))
    _done(cashier.post(f"/charges/{charge['id']}/prints"))
    line = next(one for one in charge["lines"] if one["name"] == "静脉输液")
    back = {"lines": [{"line_id": line["line_id"], "quantity": 1}], "reason": "患者放弃输液"}
    refund = _done(cashier.post(f"/charges/{charge['id']}/refund", back))["id"]
    _done(pharmacist.post(f"/prescriptions/{prescription}/prints"))
    return BusyDay(incident, visit, prescription, order, charge["id"], refund, shift)


def _registered(window: Any, patient: str, department: str, kind: str, **more: Any) -> str:
    fee = {"PT": "10.00", "ZJ": "30.00"}[kind]
    body = {
        "patient_id": patient, "department_code": department, "type_code": kind,
        "payments": [{"method": "cash", "amount": fee}], **more,
    }  # fmt: skip
    return str(_done(window.post("/registrations", body))["id"])


def _done(reply: Reply, status: int = 201) -> Any:
    assert reply.status == status, reply.json
    return reply.json
