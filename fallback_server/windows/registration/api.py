"""Routes of the registration desk: patients and visits."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, WithJsonSchema, model_validator

from fallback_server.acts import registrations
from fallback_server.acts.payments import PaymentIn
from fallback_server.domain.modes import Permit
from fallback_server.web.routes import Api, Approver, Body, Call
from fallback_server.windows.registration import queries, usecases

api = Api("registration")
REGISTRAR = ("registrar",)  # a cashier and a supervisor are registrars too


def _day(value: object) -> object:
    if value is None or isinstance(value, date):
        return value
    # A number would be read as seconds since 1970, and a time of day has no place in a birthday.
    if not isinstance(value, str) or len(value) != len("2026-11-22"):
        raise ValueError("YYYY-MM-DD")
    return date.fromisoformat(value)


def _weight(value: object) -> object:
    if value is None:
        return None
    try:
        kilograms = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("kg") from None
    exponent = kilograms.as_tuple().exponent
    if isinstance(value, bool) or not kilograms.is_finite() or not 0 < kilograms < 500 or int(exponent) < -3:
        raise ValueError("0–500 kg")
    return format(kilograms, "f")


Text8 = Annotated[str, Field(min_length=1, max_length=8)]
Text16 = Annotated[str, Field(min_length=1, max_length=16)]
Text40 = Annotated[str, Field(min_length=1, max_length=40)]
Text64 = Annotated[str, Field(min_length=1, max_length=64)]
Text128 = Annotated[str, Field(min_length=1, max_length=128)]
Text500 = Annotated[str, Field(min_length=1, max_length=500)]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 -]{2,29}$")]
Day = Annotated[date, BeforeValidator(_day)]
Weight = Annotated[str, BeforeValidator(_weight), WithJsonSchema({"type": ["string", "number"]})]


class PatientQuery(Body):
    """What was typed, swiped or scanned."""

    q: str = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class AgeIn(Body):
    """An age as it is told, where no birth date is known."""

    years: Annotated[StrictInt, Field(ge=0, le=150)] = 0
    months: Annotated[StrictInt, Field(ge=0, le=60)] = 0
    days: Annotated[StrictInt, Field(ge=0, le=1000)] = 0

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("years, months or days")
        return self


class PatientRequest(Body):
    """A new patient: name, sex, and birth date or age; or somebody unknown, of whom nothing need be known."""

    name: Text128 | None = None
    unknown: StrictBool = False
    sex: Literal["M", "F", "U"] | None = None
    birth_date: Day | None = None
    age: AgeIn | None = None
    birth_time: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")] | None = None
    id_type: Text8 | None = None
    id_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z()/-]{4,40}$")] | None = None
    phone: Phone | None = None
    address: Text500 | None = None
    guardian_name: Text128 | None = None
    guardian_phone: Phone | None = None
    insurance_type: Text16 | None = None
    insurance_no: Text40 | None = None
    insurance_area: Text16 | None = None
    allergy: Text500 | None = None
    card_no: Text64 | None = None

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if not self.unknown and self.name is None:
            raise ValueError("name")
        if not self.unknown and self.sex is None:
            raise ValueError("sex")
        if not self.unknown and self.birth_date is None and self.age is None:
            raise ValueError("birth_date / age")
        if self.birth_date is not None and self.age is not None:
            raise ValueError("birth_date, age: one of the two")
        return self


class VisitQuery(Body):
    """Which visits."""

    patient_id: Text64 | None = None
    slip_no: Text64 | None = None
    department_code: Text64 | None = None
    staff_code: Text64 | None = None
    status: Literal["waiting", "paused", "called", "seen", "absent", "cancelled"] | None = None


class RegistrationRequest(Body):
    """A registration. With `centre_slip_no` a slip of the blind window is taken in free of charge; `seen`: 补挂号."""

    patient_id: Text64
    department_code: Text64
    staff_code: Text64 | None = None
    type_code: Text64
    schedule_id: Text64 | None = None
    session: Literal["am", "pm", "night"] | None = None
    visit_kind: Literal["outpatient", "emergency"] | None = None
    triage_level: Annotated[StrictInt, Field(ge=1, le=5)] | None = None
    weight_kg: Weight | None = None
    payments: Annotated[list[PaymentIn], Field(max_length=10, default_factory=list)]
    receipt_no: Text40 | None = None
    centre_slip_no: Text64 | None = None
    seen: StrictBool = False


class CancelRequest(Body):
    """Why a visit is cancelled, and who else agrees where the refund needs it."""

    reason: Text500
    approver: Approver | None = None


class TransferRequest(Body):
    """Where a visit goes."""

    department_code: Text64
    staff_code: Text64 | None = None
    reason: Text500 = "转科"


class NoBody(Body):
    """Nothing to say."""


@api.get("/patients", summary="Find patients", query=PatientQuery)
def find_patients(call: Call) -> Any:
    return queries.find_patients(call.tx, call.query.q, call.query.limit)


@api.post("/patients", summary="New patient", roles=REGISTRAR, permit=Permit.DOCUMENT, body=PatientRequest, status=201)
def create_patient(call: Call) -> Any:
    body: PatientRequest = call.body
    details = body.model_dump(exclude={"name", "unknown", "age", "birth_date"})
    age = body.age.model_dump() if body.age else None
    return usecases.create_patient(call.tx, call.key, body.name, details, birth_date=body.birth_date, age=age)


@api.get("/patients/{patient_id}", summary="One patient in full", looks="look.patient")
def show_patient(call: Call) -> Any:
    return queries.patient(call.tx, call.path["patient_id"])


@api.get("/departments/{department_code}/offer", summary="What a department sells today", roles=REGISTRAR)
def show_offer(call: Call) -> Any:
    return queries.offer(call.tx, call.path["department_code"])


@api.get("/registrations/own", summary="What the caller registered today", roles=REGISTRAR)
def show_own(call: Call) -> Any:
    return queries.own_recent(call.tx)


@api.post(
    "/registrations", summary="Register a visit", roles=REGISTRAR, permit=Permit.DOCUMENT,
    body=RegistrationRequest, status=201,
)  # fmt: skip
def register(call: Call) -> Any:
    body: RegistrationRequest = call.body
    wanted = usecases.NewVisit(**{name: getattr(body, name) for name in RegistrationRequest.model_fields})
    return usecases.register(call.tx, call.policy, call.key, wanted)


@api.get("/registrations", summary="Visits, ours and the centre's open ones", query=VisitQuery)
def list_registrations(call: Call) -> Any:
    return queries.visits(call.tx, registrations.Filter(**call.query.model_dump()))


@api.get(
    "/registrations/{registration_id}", summary="One visit with its prescriptions, orders, charges",
    looks="look.registration",
)  # fmt: skip
def show_registration(call: Call) -> Any:
    return queries.visit(call.tx, call.path["registration_id"])


@api.post(
    "/registrations/{registration_id}/cancel", summary="Cancel a visit and refund its fee", roles=REGISTRAR,
    permit=Permit.DOCUMENT, body=CancelRequest, acts=("refund",),
)  # fmt: skip
def cancel_registration(call: Call) -> Any:
    return usecases.cancel(call.tx, call.policy, call.key, call.path["registration_id"], call.body.reason)


@api.post(
    "/registrations/{registration_id}/transfer", summary="Send a visit to another department", roles=REGISTRAR,
    permit=Permit.DOCUMENT, body=TransferRequest,
)  # fmt: skip
def transfer_registration(call: Call) -> Any:
    body: TransferRequest = call.body
    return usecases.transfer(
        call.tx, call.key, call.path["registration_id"], body.department_code, body.staff_code, body.reason
    )


@api.post(
    "/registrations/{registration_id}/prints", summary="Count a print of a slip", roles=REGISTRAR,
    permit=Permit.AFTERCARE, body=NoBody, status=201,
)  # fmt: skip
def print_slip(call: Call) -> Any:
    return usecases.print_slip(call.tx, call.path["registration_id"])
