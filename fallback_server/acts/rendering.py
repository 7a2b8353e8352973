"""How patients, visits, prescriptions and orders look in answers: identifiers masked in lists, money as text."""

from __future__ import annotations

from datetime import date
from typing import Any

from fallback_server.acts.ages import Age, age_on
from fallback_server.acts.views import Billable, BillableLine, PatientView, VisitView
from fallback_server.domain import money
from fallback_server.domain.identity import mask_id, mask_phone

_NUMBER_NAME = {"prescription": "rx_no", "order": "order_no"}


def patient_item(view: PatientView, today: date) -> dict[str, Any]:
    """A person in a list: id number and phones masked, the guardian of a child, allergy always."""
    age = age_on(view.birth_date, today)
    return {
        **_person(view, age),
        "id_no": mask_id(view.id_no),
        "phone": mask_phone(view.phone),
        **_guardian(view, age),
    }


def patient_full(view: PatientView, today: date) -> dict[str, Any]:
    """Everything known of one person, for the page that has opened them."""
    age = age_on(view.birth_date, today)
    return {
        **_person(view, age),
        "birth_time": view.birth_time,
        "id_type": view.id_type,
        "id_no": view.id_no,
        "phone": view.phone,
        "address": view.address,
        "insurance_no": view.insurance_no,
        "insurance_area": view.insurance_area,
        "guardian_name": view.guardian_name,
        "guardian_phone": view.guardian_phone,
    }


def patient_beside(view: PatientView | None, today: date) -> dict[str, Any]:
    """What stands beside a name wherever a patient is shown: sex, age, allergy, the guardian of a child."""
    if view is None:
        return {"sex": None, "birth_date": None, "age": None, "age_en": None, "allergy": None}
    age = age_on(view.birth_date, today)
    return {
        "patient_no": view.patient_no,
        "sex": view.sex,
        "birth_date": view.birth_date,
        **_age(age),
        "allergy": view.allergy,
        **_guardian(view, age),
    }


def visit(view: VisitView, person: PatientView | None, today: date, as_of: str | None) -> dict[str, Any]:
    """A visit in a list or by itself; `as_of` is shown for the centre's only."""
    return {
        "id": view.id,
        "origin": view.origin,
        "central_key": view.central_key,
        "as_of": as_of if view.origin == "centre" else None,
        "slip_no": view.slip_no,
        "yj_no": view.slip_no if view.origin == "yj" else None,
        "queue_no": view.queue_no,
        "status": "cancelled" if view.cancelled else view.status,
        "cancelled": view.cancelled,
        "patient_id": view.patient_id,
        "patient_name": view.patient_name,
        **patient_beside(person, today),
        "department_code": view.department_code,
        "department_name": view.department_name,
        "staff_code": view.staff_code,
        "staff_name": view.staff_name,
        "type_code": view.type_code,
        "session": view.session,
        "visit_kind": view.visit_kind,
        "triage_level": view.triage_level,
        "weight_kg": view.weight_kg,
        "registered_at": view.registered_at,
        "drill": view.drill,
        "incident_no": view.incident_no,
    }


def billable(view: Billable, as_of: str | None) -> dict[str, Any]:
    """A prescription (with `rx_no`) or an order (with `order_no`) and its lines."""
    shown = {
        "id": view.id,
        "origin": view.origin,
        "central_key": view.central_key,
        "as_of": as_of if view.origin == "centre" else None,
        _NUMBER_NAME[view.entity]: view.number,
        "yj_no": view.number if view.origin == "yj" else None,
        "status": view.status,
        "patient_id": view.patient_id,
        "patient_name": view.patient_name,
        "registration_id": view.registration_id,
        "department_code": view.department_code,
        "staff_code": view.staff_code,
        "staff_name": view.staff_name,
        "written_at": view.written_at,
        "total": money.to_text(view.total),
        "drill": view.drill,
        "incident_no": view.incident_no,
        "lines": [_line(view.entity, line) for line in view.lines],
    }
    if view.entity == "prescription":
        shown |= {
            "kind": view.kind,
            "diagnoses": [{"code": code, "name": name} for code, name in view.diagnoses],
            "pharmacy_code": view.pharmacy_code,
            "paper": view.paper,
        }
    return shown


def _line(entity: str, line: BillableLine) -> dict[str, Any]:
    common = {
        "line_id": line.line_id,
        "line_no": line.line_no,
        "name": line.name,
        "unit": line.unit,
        "unit_price": money.price_text(line.unit_price),
        "quantity": line.quantity,
        "amount": money.to_text(line.amount),
        "receipt_category": line.receipt_category,
    }
    if entity == "order":
        return {**common, "item_code": line.item_code, "exec_department_code": line.exec_department_code}
    return {
        **common,
        "drug_code": line.item_code,
        "spec": line.spec,
        "dose": line.dose,
        "dose_unit": line.dose_unit,
        "usage": line.usage,
        "frequency": line.frequency,
        "days": line.days,
        "note": line.note,
    }


def _person(view: PatientView, age: Age | None) -> dict[str, Any]:
    return {
        "id": view.id,
        "origin": view.origin,
        "central_key": view.central_key,
        "patient_no": view.patient_no,
        "yj_no": view.patient_no if view.origin == "yj" else None,
        "name": view.name,
        "sex": view.sex,
        "birth_date": view.birth_date,
        **_age(age),
        "allergy": view.allergy,
        "insurance_type": view.insurance_type,
        "drill": view.drill,
    }


def _age(age: Age | None) -> dict[str, Any]:
    return {"age": age.zh if age else None, "age_en": age.en if age else None}


def _guardian(view: PatientView, age: Age | None) -> dict[str, Any]:
    """Guardian and masked phone of a child; nothing of a grown-up's."""
    if age is not None and not age.child:
        return {"guardian_name": None, "guardian_phone": None}
    return {"guardian_name": view.guardian_name, "guardian_phone": mask_phone(view.guardian_phone)}
