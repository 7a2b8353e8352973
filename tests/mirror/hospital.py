"""A small hospital as the centre's SQL files would give it: text keys, numbers as text or Decimal, padding."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from fallback_server.domain.datasets import DATASETS
from fallback_server.store.mirror import datasets
from fallback_server.store.session import Store

Rows = list[dict[str, Any]]


def row(dataset: str, **values: Any) -> dict[str, Any]:
    """A row with every column of the dataset; those not given are NULL."""
    known = dict.fromkeys(DATASETS[dataset].names)
    assert set(values) <= set(known), set(values) - set(known)
    return known | values


def drug(number: int, **values: Any) -> dict[str, Any]:
    given = {
        "name": f"药品{number}",
        "spec": "0.25g*24",
        "unit": "盒",
        "unit_price": Decimal("12.5000"),
        "category": "western",
    }
    return row("drug", drug_code=str(number), active=1, **(given | values))


def patient(number: int, **values: Any) -> dict[str, Any]:
    given = {"name": "单小明", "sex": "M", "birth_date": "2019-05-06", "phone": "13800001234"}
    return row("patient", patient_no=str(number), active=1, **(given | values))


def prescription(number: int, **values: Any) -> dict[str, Any]:
    given = {
        "patient_no": "1",
        "kind": "western",
        "written_at": "2026-11-23 07:30:00",
        "total": "25.00",
        "status": "unpaid",
    }
    return row("open_prescription", prescription_key=str(number), **(given | values))


def prescription_line(number: int, line_no: int, **values: Any) -> dict[str, Any]:
    given = {"drug_code": "1", "name": "药品1", "unit": "盒", "unit_price": "12.5", "quantity": 2, "amount": "25"}
    return row("open_prescription_line", prescription_key=str(number), line_no=line_no, **(given | values))


def hospital(drugs: int = 100, patients: int = 200) -> dict[str, Sequence[dict[str, Any]]]:
    """Every dataset, none empty."""
    return {
        "drug": [drug(n) for n in range(1, drugs + 1)],
        "drug_stock": [row("drug_stock", pharmacy_code="YF1", drug_code="1", qty=Decimal("30.00"), active=True)],
        "fee_item": [
            row(
                "fee_item", item_code="F1  ", name="血常规", unit="次", unit_price="20", receipt_category="laboratory",
                active=1,
            )
        ],
        "patient": [patient(n) for n in range(1, patients + 1)],
        "patient_card": [row("patient_card", card_no="K1", card_type="01", patient_no="1", active=1)],
        "department": [row("department", department_code="0101", name="儿内科", kind="outpatient", active="1")],
        "staff": [
            row("staff", staff_code="D1", name="曾医生", may_prescribe="1", may_prescribe_controlled=0, active=1)
        ],
        "operator": [row("operator", operator_code="C01", name="张收费", roles="cashier", active=1)],
        "register_type": [
            row("register_type", type_code="1", name="普通", registration_fee="1.00", consultation_fee="19", active=1)
        ],
        "schedule": [
            row("schedule", schedule_id="9", date="20261123", session="am", department_code="0101", type_code="1")
        ],
        "diagnosis": [row("diagnosis", diagnosis_code="J06.9", name="急性上呼吸道感染")],
        "dictionary": [row("dictionary", dict="frequency", code="bid", name="每日两次", extra="2")],
        "receipt_book": [
            row(
                "receipt_book", operator_code="C01", prefix="A", start_no="00000001", end_no="00000500",
                next_no="00000017",
            )
        ],
        "open_registration": [
            row(
                "open_registration", registration_key="71", patient_no="1", department_code="0101",
                registered_at="2026-11-23 07:10:00", status="waiting",
            )
        ],
        "open_prescription": [prescription(501)],
        "open_prescription_line": [prescription_line(501, 1)],
        "open_order": [
            row(
                "open_order", order_key="601", patient_no="1", written_at="2026-11-23 07:31:00", total="20",
                status="unpaid",
            )
        ],
        "open_order_line": [
            row(
                "open_order_line", order_key="601", line_no=1, item_code="F1", name="血常规", unit="次", unit_price=20,
                quantity=1, amount=20, receipt_category="laboratory",
            )
        ],
    }  # fmt: skip


def published(store: Store, dataset: str) -> Rows:
    """What windows see of a dataset, by key."""
    table = datasets[dataset]
    keys = [table.c[name] for name in DATASETS[dataset].keys]
    with store.reading() as tx:
        return [dict(found) for found in tx.conn.execute(select(table).order_by(*keys)).mappings()]
