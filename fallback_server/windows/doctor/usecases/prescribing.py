"""Prescriptions: asked what they would cost and be warned of, and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fallback_server.acts import locks, masters, open_work, prescriptions, registrations, rendering
from fallback_server.domain import money
from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.policy import Policy
from fallback_server.store import visits
from fallback_server.store.session import Tx
from fallback_server.windows.doctor import queries, rules
from fallback_server.windows.doctor.usecases import documents
from fallback_server.windows.doctor.usecases.documents import Head, NewLine

_DIRECTIONS = ("dose", "dose_unit", "usage", "frequency", "days", "note")


@dataclass(frozen=True)
class Paper:
    """The paper prescription that a cashier keys in."""

    staff_code: str
    written_at: datetime


@dataclass(frozen=True)
class _Ready:
    """A prescription that may be written, with its prices, its pharmacy and what is doubtful about it."""

    head: Head
    diagnoses: list[dict[str, Any]]
    lines: list[rules.Prescribed]
    pharmacy_code: str | None
    warnings: list[dict[str, Any]]


def prescribe(
    tx: Tx,
    policy: Policy,
    key: str,
    registration_id: str,
    kind: str,
    diagnoses: Sequence[str],
    lines: Sequence[NewLine],
    paper: Paper | None,
    acknowledged: Sequence[str] = (),
) -> dict[str, Any]:
    """Write a prescription at the mirror's prices; what is doubtful is warned of, what is not allowed refused.

    `acknowledged` are the codes of the warnings that the doctor had read before; the audit keeps them.
    Raises forbidden, registration_not_found, registration_cancelled, out_of_scope, not_prescriber, unknown_drug,
    inactive, paper_form_required, unknown_diagnosis, invalid_request, and the refusals of drills and closed incidents.
    """
    locks.hold(tx, registrations.hold_name(registration_id))
    ready = _ready(tx, policy, registration_id, kind, diagnoses, lines, paper)
    head, prescribed = ready.head, ready.lines
    rows = [_drug_row(key, line, lines[n].directions) for n, line in enumerate(prescribed)]
    total = documents.checked_total(rows)
    written_at = _written_at(tx, paper)
    body = {
        "kind": kind,
        "department_code": head.visit.department_code,
        "staff_code": head.doctor["staff_code"],
        "staff_name": head.doctor["name"],
        "pharmacy_code": ready.pharmacy_code,
        "paper": paper is not None,
        "written_at": written_at,
    }
    yj_no = tx.take_yj_no()
    tx.conn.execute(
        visits.prescription.insert().values(
            **documents.document_columns(tx, key, yj_no, head),
            **body,
            diagnoses=[{"code": row["diagnosis_code"], "name": row["name"]} for row in ready.diagnoses],
            total=total,
        )
    )
    tx.conn.execute(visits.prescription_line.insert(), [{**row, "prescription_id": key} for row in rows])
    codes = ",".join(row["diagnosis_code"] for row in ready.diagnoses)
    body |= {"diagnosis_codes": codes, "total": money.to_text(total)}
    documents.enqueue(tx, "prescription", key, yj_no, head, body, rows)
    tx.audit(
        "prescription.create", subject=key, yj_no=yj_no, total=money.to_text(total), paper=paper is not None,
        **documents.warned(ready.warnings, acknowledged),
    )  # fmt: skip
    return {**rendering.billable(prescriptions.get(tx, key), None), "warnings": ready.warnings}


def quote_prescription(
    tx: Tx, policy: Policy, registration_id: str, kind: str, diagnoses: Sequence[str], lines: Sequence[NewLine]
) -> dict[str, Any]:
    """What a prescription would cost, where it would be filled and what it would be warned of; writes nothing.

    Raises what `prescribe` raises.
    """
    ready = _ready(tx, policy, registration_id, kind, diagnoses, lines, None)
    rows = [documents.priced(line.drug["unit_price"], line.amount) for line in ready.lines]
    return {
        "total": money.to_text(money.total(line.amount for line in ready.lines)),
        "lines": rows,
        "pharmacy_code": ready.pharmacy_code,
        "warnings": ready.warnings,
    }


def _ready(
    tx: Tx,
    policy: Policy,
    registration_id: str,
    kind: str,
    diagnoses: Sequence[str],
    lines: Sequence[NewLine],
    paper: Paper | None,
) -> _Ready:
    if paper is None and "doctor" not in tx.who.roles:
        raise YjError("forbidden", roles="doctor")
    head = documents.head_of(tx, registration_id, queries.prescriber(tx, paper.staff_code if paper else None))
    named = [masters.require(tx, "diagnosis", code) for code in dict.fromkeys(diagnoses)]
    prescribed = _prescribed(tx, kind, lines, head.doctor, paper)
    pharmacy_code, stock_warnings = _pharmacy(tx, prescribed)
    warnings = [*_warnings(tx, policy, head, kind, prescribed, diagnoses), *stock_warnings]
    return _Ready(head, named, prescribed, pharmacy_code, warnings)


def _prescribed(
    tx: Tx, kind: str, lines: Sequence[NewLine], doctor: dict[str, Any], paper: Paper | None
) -> list[rules.Prescribed]:
    found = []
    for number, line in enumerate(lines, start=1):
        drug = masters.require(tx, "drug", line.code)
        if not rules.fits(kind, drug["category"]):
            problem = f"{drug['name']} 不能开在此类处方上 / not on a {kind} prescription"
            raise YjError("invalid_request", field=f"lines.{number - 1}.drug_code", problem=problem)
        if rules.needs_special_paper(drug["control_class"]):
            _require_special_form(drug, doctor, paper)
        amount = money.line_amount(drug["unit_price"], line.quantity)
        found.append(rules.Prescribed(number, drug, line.quantity, amount, line.directions.get("days")))
    return found


def _require_special_form(drug: dict[str, Any], doctor: dict[str, Any], paper: Paper | None) -> None:
    """The red form exists on paper only; keyed in from it, its doctor must have the right to it."""
    if paper is None:
        raise YjError("paper_form_required", name=drug["name"])
    if not doctor["may_prescribe_controlled"]:
        raise YjError("not_prescriber")


def _pharmacy(tx: Tx, lines: Sequence[rules.Prescribed]) -> tuple[str | None, list[dict[str, Any]]]:
    stock = queries.stock_of(tx, [line.code for line in lines])
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.code] = wanted.get(line.code, 0) + line.quantity
    chosen = rules.choose_pharmacy(stock, wanted, queries.pharmacies(tx))
    if not stock and not queries.stock_is_mirrored(tx):
        return chosen, []
    return chosen, rules.stock_warnings(lines, stock.get(chosen or "", {}), open_work.as_of(tx, "drug_stock"))


def _warnings(
    tx: Tx, policy: Policy, head: Head, kind: str, lines: Sequence[rules.Prescribed], diagnoses: Sequence[str]
) -> list[dict[str, Any]]:
    others = [
        (line.item_code, line.name)
        for other in documents.live(prescriptions.of_registration(tx, head.visit.id))
        for line in other.lines
    ]
    return [
        *rules.form_warnings(kind, lines, diagnoses),
        *rules.allergy_warnings(head.person.allergy, lines),
        *rules.duplicate_warnings(lines, others),
        *rules.supply_warnings(lines, rules.supply_limit(policy, head.visit.visit_kind)),
    ]


def _written_at(tx: Tx, paper: Paper | None) -> str:
    if paper is None:
        return tx.at
    if paper.written_at > tx.now:
        raise YjError("invalid_request", field="paper.written_at", problem="晚于现在 / in the future")
    return to_text(paper.written_at.astimezone(tx.now.tzinfo))


def _drug_row(key: str, line: rules.Prescribed, directions: dict[str, Any]) -> dict[str, Any]:
    return {
        **documents.line_row(key, line.line_no, line.drug, line.quantity),
        "drug_code": line.code,
        "spec": line.drug["spec"],
        "receipt_category": line.drug["category"],
        **{name: directions.get(name) for name in _DIRECTIONS},
    }
