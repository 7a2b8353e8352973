"""How acts see patients, visits, prescriptions and orders, whether they are ours or the centre's open work.

`id` is a ULID for our own documents and a mirrored id for the centre's; `central_key` is the centre's key where known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from fallback_server.domain.documents import Ref


@dataclass(frozen=True)
class PatientView:
    """A person. Masking is the business of lists, not of this view."""

    id: str
    origin: str
    central_key: str | None
    patient_no: str  # the centre's number, or the YJ number of a patient made here
    name: str
    sex: str
    birth_date: str | None
    drill: bool = False
    birth_time: str | None = None
    id_type: str | None = None
    id_no: str | None = None
    phone: str | None = None
    address: str | None = None
    guardian_name: str | None = None
    guardian_phone: str | None = None
    insurance_type: str | None = None
    insurance_no: str | None = None
    insurance_area: str | None = None
    allergy: str | None = None

    @property
    def ref(self) -> Ref:
        return Ref(self.id, self.origin, self.central_key)


@dataclass(frozen=True)
class VisitView:
    """A registration. `status` is its queue state; `cancelled` stands beside it."""

    id: str
    origin: str
    central_key: str | None
    patient_id: str
    patient_origin: str
    patient_name: str
    department_code: str
    department_name: str
    staff_code: str | None
    staff_name: str | None
    type_code: str | None
    session: str | None
    visit_kind: str
    queue_no: int | None
    slip_no: str | None
    registered_at: str
    status: str
    cancelled: bool
    drill: bool
    incident_no: int | None
    weight_kg: str | None = None
    triage_level: int | None = None

    @property
    def ref(self) -> Ref:
        return Ref(self.id, self.origin, self.central_key)


@dataclass(frozen=True)
class BillableLine:
    """One line that can be charged; amounts are those at which it was written."""

    line_id: str
    line_no: int
    item_code: str
    name: str
    spec: str | None
    unit: str
    unit_price: Decimal
    quantity: int
    amount: Decimal
    receipt_category: str
    dose: str | None = None
    dose_unit: str | None = None
    usage: str | None = None
    frequency: str | None = None
    days: int | None = None
    note: str | None = None
    exec_department_code: str | None = None


@dataclass(frozen=True)
class Billable:
    """A prescription or an order. `status`: unpaid, paid, dispensed or executed (centre only), cancelled, refunded."""

    entity: str  # prescription | order
    id: str
    origin: str
    central_key: str | None
    number: str  # rx_no, or the centre's key
    status: str
    patient_id: str
    patient_origin: str
    patient_name: str
    registration_id: str | None
    registration_origin: str | None
    department_code: str | None
    staff_code: str | None
    staff_name: str | None
    written_at: str
    total: Decimal
    drill: bool
    incident_no: int | None
    kind: str | None = None
    diagnoses: tuple[tuple[str, str], ...] = ()  # (code, name)
    pharmacy_code: str | None = None
    paper: bool = False
    lines: tuple[BillableLine, ...] = field(default_factory=tuple)

    @property
    def ref(self) -> Ref:
        return Ref(self.id, self.origin, self.central_key)
