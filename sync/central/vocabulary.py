"""Which names an upload file may bind, per entity: the fields of docs/documents.md as the mapping sees them.

A bind that no document carries is a typing slip in the mapping; it is refused when the mapping is loaded, not
discovered as a NULL in the hospital's tables.
"""

from __future__ import annotations

from typing import Final

from fallback_server.domain.documents import ENTITIES

_HEADER = (
    "yj_id entity payload_version yj_no incident_no epoch installation_id sequence operator_code operator_name"
    " workstation occurred_at business_date generation late"
)
HEADER: Final = frozenset(_HEADER.split())
ALWAYS: Final = frozenset({"now_at", "hospital_tz", "yj_marker"})

_LINE = "line_id line_no"
_PRICED = f"{_LINE} name unit unit_price quantity amount receipt_category"
_DRUG = f"{_PRICED} drug_code spec dose dose_unit usage frequency days note"
_ITEM = f"{_PRICED} item_code"
_CHARGED = f"{_ITEM} source source_id"
_PAID = "payment_no method amount tendered reference state"
# An item's own `central_key` is bound as `key`: `central_key` is what the document itself gets.
_SETTLED = "id origin key"

BODY: Final[dict[str, frozenset[str]]] = {
    entity: frozenset(fields.split())
    for entity, fields in {
        "patient": "name sex birth_date birth_time id_type id_no phone address guardian_name guardian_phone"
        " insurance_type insurance_no insurance_area allergy card_no"
        " create_anyway",  # no field of the document: a person's decision on a conflict
        "registration": "patient_name department_code staff_code type_code schedule_id session visit_kind triage_level"
        " weight_kg queue_no total",
        "registration_cancel": "reason",
        "registration_transfer": "from_department_code department_code staff_code reason",
        "prescription": "kind diagnosis_codes department_code staff_code staff_name paper written_at total",
        "prescription_cancel": "reason",
        "order": "department_code staff_code total",
        "order_cancel": "reason",
        "charge": "charge_kind patient_name receipt_no total insurance_type insurance_no insurance_area deferred",
        "refund": "charge_kind patient_name original_receipt_no original_yj_no total reason",
        "receipt_event": "kind receipt_no new_receipt_no reason book_operator_code",
        "dispense_note": "kind handed_by checked_by handed_at reason",
    }.items()
}

REFS: Final[dict[str, frozenset[str]]] = {
    entity: frozenset(names.split())
    for entity, names in {
        "patient": "",
        "registration": "patient",
        "registration_cancel": "registration",
        "registration_transfer": "registration",
        "prescription": "patient registration",
        "prescription_cancel": "prescription",
        "order": "patient registration",
        "order_cancel": "order",
        "charge": "patient registration",
        "refund": "patient registration original",
        "receipt_event": "charge",
        "dispense_note": "prescription",
    }.items()
}

LISTS: Final[dict[str, dict[str, frozenset[str]]]] = {
    entity: {name: frozenset(fields.split()) for name, fields in lists.items()}
    for entity, lists in {
        "prescription": {"lines": _DRUG},
        "order": {"lines": f"{_ITEM} exec_department_code"},
        "charge": {"lines": _CHARGED, "payments": _PAID, "prescriptions": _SETTLED, "orders": _SETTLED},
        "refund": {
            "lines": f"{_CHARGED} original_line_id",
            "payments": _PAID,
            "prescriptions": _SETTLED,
            "orders": _SETTLED,
        },
        "receipt_event": {"numbers": "receipt_no"},
        "dispense_note": {"lines": "line_no item_code name quantity"},
    }.items()
}


def entity_names(entity: str) -> frozenset[str]:
    """Every name that is bound in all steps of this entity's file."""
    keys = frozenset(f"{name}_key" for name in REFS[entity])
    return HEADER | ALWAYS | BODY[entity] | keys


def is_entity(name: str) -> bool:
    return name in ENTITIES
