"""What prescriptions and orders share while they are written: the visit, the rows, the outbox document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fallback_server.acts import masters, open_work, patients, registrations
from fallback_server.acts.views import Billable, PatientView, VisitView
from fallback_server.domain import money
from fallback_server.domain.documents import Document
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import child_ulid
from fallback_server.store.session import Tx


@dataclass(frozen=True)
class NewLine:
    """One line as it was asked for: a drug or a fee item, how many, and the directions of a drug."""

    code: str
    quantity: int
    directions: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """What every line and document of the act shares."""

    visit: VisitView
    person: PatientView
    doctor: dict[str, Any]


def head_of(tx: Tx, registration_id: str, doctor: dict[str, Any]) -> Head:
    """The visit, usable and in scope; whoever writes holds it still before."""
    visit = registrations.get(tx, registration_id)
    open_work.require_usable(tx, visit.origin, visit.drill, visit.incident_no)
    if visit.cancelled:
        raise YjError("registration_cancelled")
    masters.require_in_scope(tx, visit.department_code)
    return Head(visit, patients.get(tx, visit.patient_id), doctor)


def live(written: Sequence[Billable]) -> list[Billable]:
    """Those that count: neither cancelled nor refunded."""
    return [document for document in written if document.status not in ("cancelled", "refunded")]


def priced(unit_price: Any, amount: Any) -> dict[str, str]:
    """A line of a quote."""
    return {"unit_price": money.price_text(unit_price), "amount": money.to_text(amount)}


def warned(warnings: Sequence[dict[str, Any]], acknowledged: Sequence[str]) -> dict[str, Any]:
    """For the audit: which warnings there were, and which of them the person said to have read."""
    codes = sorted({warning["code"] for warning in warnings})
    return {"warnings": codes, "acknowledged": sorted(set(acknowledged) & set(codes))} if codes else {}


def line_row(key: str, number: int, item: dict[str, Any] | Any, quantity: int) -> dict[str, Any]:
    """What a line of either kind keeps of its item: name and price are copied, later mirrors never rewrite them."""
    return {
        "line_id": child_ulid(key, f"line:{number}"),
        "line_no": number,
        "name": item["name"],
        "unit": item["unit"],
        "unit_price": item["unit_price"],
        "quantity": quantity,
        "amount": money.line_amount(item["unit_price"], quantity),
    }


def checked_total(rows: Sequence[dict[str, Any]]) -> Any:
    """The sum of the rows; raises invalid_request where no column could hold it."""
    total = money.total(row["amount"] for row in rows)
    if total > money.MAX_AMOUNT:
        raise YjError("invalid_request", field="lines", problem="金额过大 / the total is too large")
    return total


def document_columns(tx: Tx, key: str, yj_no: str, head: Head) -> dict[str, Any]:
    """The columns that a prescription and an order have in common."""
    return {
        **tx.document_row(key, yj_no),
        "registration_id": head.visit.id,
        "registration_origin": head.visit.origin,
        "patient_id": head.person.id,
        "patient_origin": head.person.origin,
        "patient_name": head.person.name,
        "department_name": head.visit.department_name,
    }


def enqueue(
    tx: Tx, entity: str, key: str, yj_no: str, head: Head, body: dict[str, Any], rows: Sequence[dict[str, Any]]
) -> None:
    """Hand the document to the outbox."""
    lines = [
        {**row, "unit_price": money.price_text(row["unit_price"]), "amount": money.to_text(row["amount"])}
        for row in rows
    ]
    tx.enqueue(
        Document(
            yj_id=key,
            entity=entity,
            yj_no=yj_no,
            chain=head.person.id,
            body=body,
            refs={"patient": head.person.ref, "registration": head.visit.ref},
            lists={"lines": lines},
        )
    )
