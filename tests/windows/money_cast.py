"""Short words for the tests of money: what a window does, and what the store holds afterwards."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from fallback_server.store import tables
from fallback_server.store.schema import metadata
from tests.fixtures_hospital import Hospital, Reply, Window, centre_id

# What a refusal may leave behind: its audit row, and what log-in and roll call keep.
NO_BUSINESS = {"audit", "session", "workstation", "login_failure", "counter", "credential"}
ZHANG = centre_id("patient", "P1003")  # insured, with open work at the centre
WANG = centre_id("patient", "P1001")
RX_UNPAID = centre_id("open_prescription", "3001")
RX_PAID = centre_id("open_prescription", "3002")
ORDER_UNPAID = centre_id("open_order", "2001")


def cash(amount: str, **more: Any) -> dict[str, Any]:
    """A cash payment."""
    return {"method": "cash", "amount": amount, **more}


def wechat(amount: str, reference: str = "4200001") -> dict[str, Any]:
    """A scan payment with its voucher number."""
    return {"method": "wechat", "amount": amount, "reference": reference}


def items(*wanted: tuple[str, int], patient: str = WANG) -> dict[str, Any]:
    """A basket of fee items for a patient without a visit."""
    return {"patient_id": patient, "lines": [{"item_code": code, "quantity": quantity} for code, quantity in wanted]}


def charge(window: Window, basket: dict[str, Any], *payments: dict[str, Any], **more: Any) -> Reply:
    """Quote, then charge what the quote said; cash for all of it unless payments are given."""
    total = window.post("/charges/quote", basket).json["total"]
    paid = list(payments) or ([cash(total)] if total != "0.00" else [])
    return window.post("/charges", {**basket, "payments": paid, "expected_total": total, **more})


def counts(hospital: Hospital) -> dict[str, int]:
    """Rows per business table."""
    assert tables.ALL
    rows = [
        select(func.count()).select_from(table).scalar_subquery().label(name)
        for name, table in metadata.tables.items()
        if name not in NO_BUSINESS
    ]
    with hospital.store.reading() as tx:
        return dict(tx.conn.execute(select(*rows)).mappings().one())


def good(reply: Reply, status: int = 201) -> Any:
    """The answer of a success."""
    assert reply.status == status, reply.json
    return reply.json
