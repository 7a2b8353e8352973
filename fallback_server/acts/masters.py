"""Looking things up in the mirror, by the one transaction an act runs in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select

from fallback_server.acts import keyed_in
from fallback_server.domain.errors import Named, YjError
from fallback_server.domain.pinyin import initials
from fallback_server.store import mirror
from fallback_server.store.session import Tx

_UNKNOWN = {
    "drug": ("drug_code", "unknown_drug"),
    "fee_item": ("item_code", "unknown_fee_item"),
    "department": ("department_code", "unknown_department"),
    "staff": ("staff_code", "unknown_staff"),
    "register_type": ("type_code", "unknown_register_type"),
    "schedule": ("schedule_id", "unknown_schedule"),
    "diagnosis": ("diagnosis_code", "unknown_diagnosis"),
    "operator": ("operator_code", "unknown_operator"),
}


def find(tx: Tx, dataset: str, code: str) -> dict[str, Any] | None:
    """The row of a master list with this code as it holds here (acts.keyed_in), or None."""
    changed = keyed_in.find(tx, dataset, code)
    if changed is not None:
        return changed
    table = mirror.datasets[dataset]
    row = tx.conn.execute(select(table).where(table.c[_UNKNOWN[dataset][0]] == code)).mappings().first()
    return dict(row) if row is not None else None


def require(tx: Tx, dataset: str, code: str, *, active: bool = True) -> dict[str, Any]:
    """The row with this code; raises the dataset's unknown_… error, or `inactive` for a stopped one."""
    row = find(tx, dataset, code)
    if row is None:
        raise YjError(_UNKNOWN[dataset][1], code=code)
    if active and row.get("active") is False:
        raise YjError("inactive", code=code, name=row.get("name") or "")
    return row


def require_in_scope(tx: Tx, department_code: str | None) -> None:
    """Refuse work for a department outside the incident's scope (the visit's department counts)."""
    if tx.mode.in_scope(department_code):
        return
    if department_code is None:
        where = (
            "没有选就诊的收费（应急只限部分科室）",
            "A charge without a visit (the outage is not the whole hospital's)",
        )
    else:
        name = (find(tx, "department", department_code) or {}).get("name", department_code)
        where = (f"{name}", f"{name}")
    raise YjError("out_of_scope", department=Named(department_code or "–", *where))


def dictionary_name(tx: Tx, dictionary: str, code: str | None) -> str | None:
    """The name of a code in a mirrored dictionary, or the code itself where it is unknown."""
    if code is None:
        return None
    table = mirror.datasets["dictionary"]
    name = tx.conn.execute(select(table.c.name).where(table.c.dict == dictionary, table.c.code == code)).scalar()
    return str(name) if name is not None else code


def department_names(tx: Tx, codes: Collection[str]) -> dict[str, str]:
    """Code → name of these departments; one the mirror no longer has keeps its code."""
    table = mirror.datasets["department"]
    rows = tx.conn.execute(select(table.c.department_code, table.c.name).where(table.c.department_code.in_(codes)))
    known = {row.department_code: row.name for row in rows}
    return {code: known.get(code, code) for code in codes}


def departments(tx: Tx, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Active departments of these kinds with their pinyin initials, for pages that search them by themselves."""
    table = mirror.datasets["department"]
    columns = (table.c.department_code, table.c.name, table.c.kind, table.c.location)
    rows = tx.conn.execute(
        select(*columns).where(table.c.active.is_(True), table.c.kind.in_(kinds)).order_by(table.c.department_code)
    )
    return [
        {"code": row[0], "name": row[1], "kind": row[2], "location": row[3], "pinyin": initials(row[1])} for row in rows
    ]


def doctors(tx: Tx, department_code: str) -> list[dict[str, Any]]:
    """The active staff of a department."""
    table = mirror.datasets["staff"]
    rows = tx.conn.execute(
        select(table.c.staff_code, table.c.name, table.c.title)
        .where(table.c.department_code == department_code, table.c.active.is_(True))
        .order_by(table.c.staff_code)
    )
    return [dict(row) for row in rows.mappings()]
