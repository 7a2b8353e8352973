"""What an account may differ in, and how a difference is told: one list for command line, console and paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fallback_server.domain.conflict_kinds import refusal

KINDS: Final[dict[str, tuple[str, str]]] = {
    "pending": ("待上传", "Not uploaded yet"),
    "sending": ("上传中", "Being uploaded"),
    "unknown": ("结果未明", "Outcome unknown"),
    "conflict": ("待人工处理", "With a person"),
    "settled": ("未上传（另行处理）", "Not uploaded: settled otherwise"),
    "linked": ("已认定为中心原有记录", "Linked to a record of the centre"),
    "missing_at_centre": ("中心缺少", "Missing at the centre"),
    "extra_at_centre": ("中心多出", "Only at the centre"),
    "doubled": ("中心重复", "Twice at the centre"),
    "receipt_doubled": ("票据号重复", "Receipt number used twice"),
    "amount": ("金额不符", "Amount differs"),
    "category": ("费别不符", "Category differs"),
    "method": ("付款方式不符", "Method differs"),
    "line": ("明细不符", "Lines differ"),
    "operator": ("收费员不符", "Cashier differs"),
    "receipt_no": ("票据号不符", "Receipt number differs"),
    "original": ("原收费不符", "Original charge differs"),
    "date": ("时间不符", "Time differs"),
    "yj_no": ("YJ 号不符", "YJ number differs"),
    "patient": ("病人不符", "Patient differs"),
    "department": ("科室不符", "Department differs"),
    "registration_status": ("挂号状态不符", "Registration status differs"),
    "prescription_status": ("处方状态不符", "Prescription status differs"),
    "order_status": ("申请单状态不符", "Order status differs"),
    "ledger_missing": ("台账缺少", "Missing in the ledger"),
    "ledger_extra": ("台账多出", "Only in the ledger"),
    "ledger_hash": ("台账内容不符", "Ledger holds other contents"),
    "ledger_amount": ("台账金额不符", "Ledger amount differs"),
    "ledger_key": ("台账主键不符", "Ledger key differs"),
    "ledger_operator": ("台账收费员不符", "Ledger cashier differs"),
    "ledger_date": ("台账日期不符", "Ledger day differs"),
    "recovered": ("本服务器从备份恢复后丢失", "At the centre, lost here by a restored backup"),
    "receipt_unknown": ("票号去向不明", "Receipt number unaccounted for"),
    "receipt_missing": ("票号缺号", "Receipt number missing"),
    "totals_local": ("本机两种汇总不一致", "Two ways to our sums disagree"),
    "totals_central": ("中心两种汇总不一致", "Two ways to the centre's sums disagree"),
    "totals_apart": ("两边合计不符，没有单据说明", "The sides' sums differ and no document says why"),
    "counted": ("计数与清单不一致", "Counted otherwise than listed"),
    "cash_counted": ("实点与应缴不符", "Counted is not what came in"),
}

# What an account consists of. A difference belongs to one layer; what is not named here is a matter of ids.
LAYERS: Final[dict[str, tuple[str, str]]] = {
    "totals": ("合计", "Totals"),
    "ids": ("单据", "Documents"),
    "fields": ("字段", "Fields"),
    "numbers": ("票号", "Receipt numbers"),
    "cash": ("现金", "Cash"),
}
_LAYER_OF: Final[dict[str, str]] = {
    **dict.fromkeys(("totals_local", "totals_central", "totals_apart"), "totals"), "cash_counted": "cash",
    **dict.fromkeys(("receipt_doubled", "receipt_unknown", "receipt_missing"), "numbers"),
    **dict.fromkeys(
        ("amount", "category", "method", "line", "operator", "receipt_no", "original", "date", "yj_no", "patient",
         "department",
         "registration_status", "prescription_status", "order_status", "ledger_hash", "ledger_amount", "ledger_key",
         "ledger_operator", "ledger_date"), "fields",
    ),
}  # fmt: skip


def layer_of(kind: str) -> str:
    """The layer that finds differences of this kind."""
    return _LAYER_OF.get(kind, "ids")


FIELDS: Final[dict[str, tuple[str, str]]] = {
    "operator": ("收费员", "cashier"),
    "receipt_no": ("票据号", "receipt"),
    "amount": ("金额", "amount"),
    "total": ("金额", "total"),
    "method": ("付款方式", "method"),
    "category": ("费别", "category"),
    "original": ("原收费", "original"),
    "line": ("明细", "lines"),
    "date": ("时间", "time"),
    "patient": ("病人", "patient"),
    "department": ("科室", "department"),
    "central": ("中心", "centre"),
    "ledger": ("台账", "ledger"),
    "ledger_hash": ("校验值", "hash"),
    "ledger_amount": ("台账金额", "ledger amount"),
    "ledger_key": ("台账主键", "ledger key"),
    "ledger_operator": ("台账收费员", "ledger cashier"),
    "ledger_date": ("台账日期", "ledger day"),
    "sequence": ("序号", "sequence"),
    "entity": ("单据", "document"),
    "status": ("状态", "status"),
    "yj_no": ("YJ 号", "YJ number"),
    "decision": ("决定", "decision"),
    "settled_by": ("对应单据", "settled by"),
    "state": ("状态", "state"),
    "error": ("原因", "error"),
}

ENTITIES: Final[dict[str, tuple[str, str]]] = {
    "patient": ("新病人", "patient"),
    "registration": ("挂号", "registration"),
    "prescription": ("处方", "prescription"),
    "order": ("申请单", "order"),
    "charge": ("收费", "charge"),
    "refund": ("退费", "refund"),
    "receipt_event": ("票据作废/换号", "receipt event"),
    "dispense_note": ("发药记录", "hand-over"),
}


def kind(name: str, language: str = "zh") -> str:
    """The kind of a difference in words; one nobody foresaw is named by its code."""
    return KINDS.get(name, (name, name))[language == "en"]


def words(value: Any, language: str = "zh") -> str:
    """One side of a difference in one line; what is empty is left out."""
    if not isinstance(value, Mapping):
        return str(value)
    comma, colon = ("，", "：") if language == "zh" else (", ", ": ")
    told = (
        f"{FIELDS.get(name, (name, name))[language == 'en']}{colon}{_value(name, inner, language)}"
        for name, inner in value.items()
        if inner not in (None, "", {})
    )
    return comma.join(told)


def _value(name: str, value: Any, language: str) -> str:
    if name == "entity" and value in ENTITIES:
        return ENTITIES[value][language == "en"]
    if name == "error" and isinstance(value, str):
        return refusal(value, language)
    return words(value, language)
