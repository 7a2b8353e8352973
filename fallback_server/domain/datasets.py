"""The datasets of the mirror: columns, types, keys, the same for every centre.

Tables, validation, mapping checks and search are all derived from these; nothing else lists the columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TEXT, INT, FLAG, PRICE, AMOUNT, DATE, TIME = "text", "int", "flag", "price", "amount", "date", "time"


@dataclass(frozen=True)
class Column:
    """One column. `choices` limits a text; `key` columns make the stable id; an `optional` one may be left out."""

    name: str
    type: str = TEXT
    key: bool = False
    nullable: bool = False
    choices: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True)
class Dataset:
    """One dataset. `group` says how often it is read: master (30 min) or open (5 min)."""

    name: str
    columns: tuple[Column, ...]
    group: str = "master"
    parent: str | None = None  # rows whose parent was rejected or is missing are set aside

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns if c.key)

    @property
    def optional(self) -> frozenset[str]:
        """Columns beyond the contract's: NULL where a mapping does not give them."""
        return frozenset(c.name for c in self.columns if c.optional)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)


def _parse(name: str, spec: str, group: str = "master", parent: str | None = None) -> Dataset:
    """Read the contract's own notation: `name*` key, `name?` nullable, `name:type`, `name(a/b)` choices; and
    `name??` for what is beyond it and optional."""
    columns = []
    for word in spec.split():
        head, _, choice = word.rstrip(")").partition("(")
        head, _, kind = head.partition(":")
        columns.append(
            Column(
                name=head.rstrip("*?"),
                type=kind or TEXT,
                key=head.endswith("*"),
                nullable=head.endswith("?"),
                choices=tuple(choice.split("/")) if choice else (),
                optional=head.endswith("??"),
            )
        )
    return Dataset(name, tuple(columns), group, parent)


_ALL = (
    _parse(
        "drug",
        "drug_code* name trade_name? spec dosage_form? strength? strength_unit? unit min_unit? pack_qty?:int"
        " unit_price:price manufacturer? category(western/patent/herbal) insurance_class? insurance_code? approval_no?"
        " control_class?(narcotic/psychotropic1/psychotropic2/toxic) skin_test?:flag input_code? active:flag",
    ),
    _parse("drug_stock", "pharmacy_code* drug_code* qty:amount active:flag"),
    _parse(
        "fee_item",
        "item_code* name unit unit_price:price receipt_category(consultation/examination/laboratory/treatment/surgery/"
        "material/western/herbal/patent/general/registration/other) exec_department_code? insurance_class?"
        " insurance_code? input_code? active:flag",
    ),
    _parse(
        "patient",
        "patient_no* name sex(M/F/U) birth_date?:date birth_time? id_type? id_no? phone? address? guardian_name?"
        " guardian_phone? insurance_type? insurance_no? insurance_area? allergy? active:flag",
    ),
    _parse("patient_card", "card_no* card_type* patient_no active:flag"),
    _parse("department", "department_code* name kind(outpatient/emergency/pharmacy/exam/other) location? active:flag"),
    _parse(
        "staff",
        "staff_code* name title? department_code? insurance_code? may_prescribe:flag"
        " may_prescribe_controlled:flag active:flag",
    ),
    _parse(
        "operator",
        "operator_code* name roles staff_code? department_code? password_hash? password_scheme? active:flag",
    ),
    _parse(
        "register_type",
        "type_code* name registration_fee:amount consultation_fee:amount validity_days?:int active:flag",
    ),
    _parse(
        "schedule",
        "schedule_id* date:date session(am/pm/night) department_code staff_code? type_code capacity?:int used?:int",
    ),
    _parse("diagnosis", "diagnosis_code* name input_code?"),
    _parse("dictionary", "dict* code* name extra?"),
    _parse("receipt_book", "operator_code* prefix* start_no*:int end_no:int next_no:int digits??:int"),
    _parse(
        "open_registration",
        "registration_key* patient_no department_code staff_code? type_code? schedule_id? session? visit_kind?"
        " queue_no?:int slip_no? registered_at:time status(waiting/seen)",
        "open",
    ),
    _parse(
        "open_prescription",
        "prescription_key* registration_key? patient_no department_code? staff_code? kind(western/patent/herbal)"
        " diagnosis_codes? pharmacy_code? written_at:time total:amount status(unpaid/paid/dispensed)",
        "open",
    ),
    _parse(
        "open_prescription_line",
        "prescription_key* line_no*:int drug_code name spec? unit unit_price:price quantity:int amount:amount dose?"
        " dose_unit? usage? frequency? days?:int note?",
        "open",
        "open_prescription",
    ),
    _parse(
        "open_order",
        "order_key* registration_key? patient_no department_code? staff_code? written_at:time total:amount"
        " status(unpaid/paid/executed)",
        "open",
    ),
    _parse(
        "open_order_line",
        "order_key* line_no*:int item_code name unit unit_price:price quantity:int amount:amount exec_department_code?"
        " receipt_category",
        "open",
        "open_order",
    ),
)

DATASETS: Final[dict[str, Dataset]] = {dataset.name: dataset for dataset in _ALL}
MASTER_DATASETS: Final = tuple(d.name for d in _ALL if d.group == "master")
OPEN_DATASETS: Final = tuple(d.name for d in _ALL if d.group == "open")

# What staff call them.
DATASET_NAMES: Final[dict[str, tuple[str, str]]] = {
    "drug": ("药品", "Drugs"),
    "drug_stock": ("药房库存", "Drug stock"),
    "fee_item": ("收费项目", "Fee items"),
    "patient": ("病人", "Patients"),
    "patient_card": ("就诊卡", "Cards"),
    "department": ("科室", "Departments"),
    "staff": ("人员", "Staff"),
    "operator": ("操作员", "Operators"),
    "register_type": ("号别", "Registration types"),
    "schedule": ("排班", "Schedules"),
    "diagnosis": ("诊断", "Diagnoses"),
    "dictionary": ("字典", "Dictionaries"),
    "receipt_book": ("票据领用", "Receipt books"),
    "open_registration": ("在办挂号", "Open registrations"),
    "open_prescription": ("未完处方", "Open prescriptions"),
    "open_prescription_line": ("未完处方明细", "Open prescription lines"),
    "open_order": ("未完申请", "Open orders"),
    "open_order_line": ("未完申请明细", "Open order lines"),
}
